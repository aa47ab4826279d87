from dataclasses import replace

import pytest

from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.rows import CandleRows
from tests.diagnosis.small_world import (
    OPENS,
    STEP,
    candles,
    evidence_of,
    features,
    needed,
    prices_of,
    proven,
    score,
)

ROWS = candles()


def _labelled(bars: int, *, is_timely: bool) -> Evidence:
    """A right log beside a source whose labels are so many bars late."""
    late = CandleRows(ROWS.opens + bars * STEP, ROWS.values)
    prices = prices_of(ROWS)
    if is_timely:
        prices = replace(prices, written=OPENS + STEP + 3_000_000)
    return evidence_of(score(features(ROWS)), vectors=features(ROWS), rows=late, prices=prices)


@pytest.mark.parametrize(("bars", "words"), [(1, "by its close"), (12, "60 min late")])
def test_a_source_that_labels_its_candles_late_is_at_fault_where_the_log_was_in_time(
    bars: int, words: str
) -> None:
    found = proven(_labelled(bars, is_timely=True))
    assert found.keys() == {"candle_label"}
    assert found["candle_label"].parameters == {"shift_bars": -bars, "candles": "exchange"}
    assert f'The source "exchange" labels each candle {words}' in found["candle_label"].summary
    assert "with their open times" in found["candle_label"].summary


def test_without_times_of_writing_either_side_may_be_off() -> None:
    found = proven(_labelled(1, is_timely=False))
    assert found.keys() == {"candle_offset"}
    assert found["candle_offset"].summary.startswith("Either the log or the source")


def test_it_needs_prices_and_a_recomputation() -> None:
    assert "cannot be told apart" in str(needed("candle_label", evidence_of()))
    assert needed("candle_label", evidence_of(prices=prices_of(ROWS))) is None
    assert "feature code" in str(needed("candle_label", evidence_of(kind=Kind.IMPORTED)))
