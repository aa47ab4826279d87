import numpy as np

from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    HISTORY,
    OPENS,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
    without_recomputation,
)

ROWS = candles()


def _venue() -> CandleRows:
    """Another venue: each candle some units higher or lower, and another volume."""
    values = ROWS.values.copy()
    rng = np.random.default_rng(6)
    values[:, :4] += rng.integers(-9, 10, (len(values), 1))
    values[:, 4] += rng.integers(0, 300, len(values))
    return CandleRows(ROWS.opens, values)


def test_the_source_that_the_bot_computed_on_is_named() -> None:
    venue = _venue()
    evidence = evidence_of(vectors=features(venue), candles={"exchange": ROWS, "venue": venue})
    finding = proven(evidence)["market_data"]
    assert finding.parameters == {"candles": "venue"}
    assert 'The bot computed on the candles "venue", the backtest on "exchange"' in finding.summary
    assert 'Set candles = "venue" in the backtest' in finding.summary


def test_candles_that_the_bot_logged_stand_for_those_of_the_source() -> None:
    log = CandleRows(OPENS, _venue().values[HISTORY:])
    evidence = evidence_of(
        vectors=features(ROWS.replaced(log)), candles={"exchange": ROWS, "feature_log": log}
    )
    finding = proven(evidence)["market_data"]
    assert finding.parameters == {"candles": "feature_log"}
    assert "The bot computed on the candles that it logged" in finding.summary


def test_another_source_that_the_bot_did_not_read_is_refuted() -> None:
    evidence = evidence_of(
        vectors=features(ROWS, lookback=97), candles={"exchange": ROWS, "venue": _venue()}
    )
    assert proven(evidence).keys() == {"lookback"}


def test_one_source_alone_cannot_be_another() -> None:
    assert beside("bundle")["market_data"].verdict is Verdict.UNTESTABLE
    assert "only one source of candles is known" in str(needed("market_data", evidence_of()))
    for words, evidence in without_recomputation().items():
        assert words in str(needed("market_data", evidence))
