from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.arguments import build_parser


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-03", datetime(2025, 11, 3, tzinfo=UTC)),
        ("2025-11-03T04:45:00Z", datetime(2025, 11, 3, 4, 45, tzinfo=UTC)),
        ("2025-11-03T04:45", datetime(2025, 11, 3, 4, 45, tzinfo=UTC)),
        ("2025-11-03T13:45:00+09:00", datetime(2025, 11, 3, 4, 45, tzinfo=UTC)),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str, expected: datetime) -> None:
    options = build_parser().parse_args(["status", "--from", text])
    assert options.from_ == expected
    assert options.from_.tzinfo == UTC


@pytest.mark.parametrize(
    "arguments", [["--config", "a.toml", "once"], ["once", "--config", "a.toml"]]
)
def test_the_configuration_is_named_before_or_after_the_verb(arguments: list[str]) -> None:
    assert build_parser().parse_args(arguments).config == Path("a.toml")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tune"],
        ["init"],
        ["gate"],
        ["status", "--nonsense"],
        ["status", "--from", "yesterday"],
        ["status", "--from", "2025-11-04", "--until", "2025-11-03"],
        ["export", "pairs"],
        ["export", "everything", "--format", "csv"],
        ["export", "pairs", "--format", "xlsx"],
        ["convert-model", "--out", "x"],
        ["convert-model", "--trust", "--out", "x", "--long", "m"],
        ["demo"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_a_missing_configuration_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(tmp_path / "align.toml"), "status", "--json"]) == 2
    assert capsys.readouterr().out == ""
