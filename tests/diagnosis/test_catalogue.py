import re
from pathlib import Path

import pytest

from core.diagnosis.causes.catalogue import CAUSES, CODES
from demo.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = {
    "label_clock",
    "candle_offset",
    "unreal_rows",
    "unclosed_candle",
    "partial_candle",
    "market_data",
    "missing_candles",
    "lookback",
    "warm_up",
    "row_position",
    "pipeline_version",
    "column_collision",
    "column_order",
    "missing_features",
    "nan_policy",
    "precision",
    "stale_features",
    "bundle",
    "sides_swapped",
    "scaler",
    "threshold",
    "candle_label",
}


def test_the_codes_are_the_contract() -> None:
    assert len(CODES) == len(CAUSES)
    assert set(CODES) == CONTRACT


@pytest.mark.parametrize("code", CODES)
def test_every_cause_has_a_fault_in_the_exam(code: str) -> None:
    assert code in {fault.cause for fault in FAULTS.values()}


@pytest.mark.parametrize("code", CODES)
def test_every_cause_is_documented_in_full(code: str) -> None:
    text = (ROOT / "docs/diagnosis.md").read_text(encoding="utf-8")
    section = re.search(rf"^### {code}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    for part in ("Looks like:", "Proven by:", "Mistaken for:", "Do:"):
        assert f"*{part}*" in section[1]
