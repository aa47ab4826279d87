"""Signal log and feature log that carry the same wrong label."""

from dataclasses import replace

import pytest

from core.candles.reads import FEATURE_LOG
from core.diagnosis.evidence.evidence import Evidence, LogAccount
from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.report import diagnose_evidence
from tests.diagnosis.small_world import (
    JUNE,
    MAY,
    OPENS,
    STEP,
    candles,
    evidence_of,
    features,
    prices_of,
    proven,
    score,
)

ROWS = candles()


def _late(shift_bars: int, *, is_timely: bool = False, zone: str | None = None) -> Evidence:
    """Both logs name a candle so many bars from the true one; the bot ran another bundle."""
    true = OPENS + shift_bars * STEP
    vectors, prices = features(ROWS, true), prices_of(ROWS, shift_bars)
    own = CandleRows(OPENS, ROWS.at(true)[0])
    return evidence_of(
        score(vectors, JUNE),
        vectors=vectors,
        candles={"exchange": ROWS, FEATURE_LOG: own},
        prices=replace(prices, written=true + STEP) if is_timely else prices,
        account=LogAccount(label_zone=zone),
    )


@pytest.mark.parametrize("shift_bars", [-1, -13])
def test_a_wrong_label_beside_another_bundle_is_no_lag(shift_bars: int) -> None:
    label = "candle_offset" if shift_bars == -1 else "label_clock"
    found = proven(_late(shift_bars, is_timely=True))
    assert found.keys() == {label, "bundle"}
    assert found[label].parameters == {"shift_bars": shift_bars}
    assert found["bundle"].parameters == {"bundle": "june"}


def test_a_zone_that_both_logs_are_in_is_found_beside_another_bundle() -> None:
    assert proven(_late(-12, zone="UTC")).keys() == {"label_clock", "bundle"}


def test_what_prices_point_to_is_borne_out_by_signals_once_the_other_cause_is_undone() -> None:
    """No time of writing, no zone: before the bundle is undone no signal agrees anywhere."""
    found = proven(_late(-1))
    assert found.keys() == {"candle_offset", "bundle"}
    verdicts = [f.cause for f in diagnose_evidence(_late(-1)).findings]
    assert verdicts.count("candle_offset") == 1


def test_the_identity_of_the_bundle_is_told_by_rows_as_they_meet() -> None:
    document = diagnose_evidence(_late(-1, is_timely=True)).document()
    spans = document["identity"]["spans"]
    assert {name for span in spans for name in span["bundles"]} == {JUNE.name}
    assert MAY.name != JUNE.name
