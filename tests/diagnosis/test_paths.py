"""Two things wrong on different paths: neither hides the other."""

import numpy as np

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.finding import Verdict
from core.diagnosis.report import diagnose_evidence
from tests.diagnosis.small_world import (
    COUNT,
    JUNE,
    candles,
    evidence_of,
    features,
    proven,
    score,
)

ROWS = candles()


def _noise(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(0.0, 30.0, shape))


def _noisy_features() -> Evidence:
    """The bot's features are off by noise that no cause makes, and it ran another bundle."""
    vectors = features(ROWS) + _noise(1, (COUNT, 6))
    return evidence_of(score(vectors, JUNE), vectors=vectors)


def _unknown_model() -> Evidence:
    """The bot saw 80 candles, and a model that nobody has gave its signals."""
    emitted = np.random.default_rng(2).random((COUNT, 2))
    return evidence_of(emitted, vectors=features(ROWS, lookback=80))


def test_a_bundle_is_proven_beside_features_that_nothing_explains() -> None:
    found = proven(_noisy_features())
    assert found.keys() == {"bundle"}
    assert found["bundle"].parameters == {"bundle": "june"}
    assert (
        "removes all of the difference between emitted and replayed signals"
        in found["bundle"].summary
    )
    assert "unexplained" in diagnose_evidence(_noisy_features()).summary


def test_a_lookback_is_proven_beside_a_model_that_nobody_has() -> None:
    found = proven(_unknown_model())
    assert found.keys() == {"lookback"}
    assert found["lookback"].parameters == {"lookback_bars": 80}
    assert "removes all of the difference between replay and backtest" in found["lookback"].summary


def test_where_one_path_agrees_the_share_is_of_the_whole_difference() -> None:
    found = proven(evidence_of(score(features(ROWS), JUNE)))
    assert "removes all of the difference on" in found["bundle"].summary
    verdicts = {f.verdict for f in diagnose_evidence(_noisy_features()).findings}
    assert Verdict.PROVEN in verdicts
