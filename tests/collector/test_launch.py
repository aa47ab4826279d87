"""What `make run` starts beside collector and page."""

from pathlib import Path

import pytest

from collector.launch import has_live_bot


@pytest.mark.parametrize(
    ("state", "expected"),
    [('{"faults": []}', True), ('{"faults": ["lookback"]}', False), (None, False)],
)
def test_only_a_demo_without_a_fault_goes_on_logging(
    tmp_path: Path, state: str | None, expected: bool
) -> None:
    if state is not None:
        (tmp_path / "demo.json").write_text(state)
    assert has_live_bot(tmp_path) is expected
