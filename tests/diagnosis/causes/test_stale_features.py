import pytest

from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    COUNT,
    OPENS,
    STEP,
    beside,
    candles,
    evidence_of,
    features,
    prices_of,
    proven,
    score,
)


def _lagged(bars: int) -> dict[str, object]:
    """Parameters of what is proven where each candle got the vector of `bars` bars before."""
    emitted = score(features(candles(), OPENS - bars * STEP))
    return {
        cause: f.parameters
        for cause, f in proven(evidence_of(emitted, prices=prices_of(candles()))).items()
    }


@pytest.mark.parametrize("bars", [1, 2, 12])
def test_the_age_of_the_vector_is_named_in_bars(bars: int) -> None:
    assert _lagged(bars) == {"stale_features": {"lag_bars": bars}}


def test_an_hour_is_the_oldest_vector_that_is_looked_for() -> None:
    assert "stale_features" not in _lagged(13)


def test_a_vector_of_the_next_candle_says_that_the_other_side_is_stale() -> None:
    emitted = score(features(candles(), OPENS + STEP))  # of the last candle: none
    finding = proven(evidence_of(emitted, prices=prices_of(candles())))["stale_features"]
    assert finding.parameters == {"lag_bars": -1}
    assert "the other side scored the vector of the previous" in finding.summary.lower()


def test_features_that_are_late_for_an_afternoon_are_told_for_it() -> None:
    noon = COUNT // 2
    emitted = score(features(candles()))
    emitted[noon:] = score(features(candles(), OPENS - STEP))[noon:]
    finding = proven(evidence_of(emitted, prices=prices_of(candles())))["stale_features"]
    (span,) = finding.evidence["scope"]
    assert span["from"] == "2026-03-02T12:00:00Z"


def test_other_code_makes_no_feature_late() -> None:
    assert beside("pipeline")["stale_features"].verdict is Verdict.REFUTED
