from dataclasses import replace

import numpy as np

from core.diagnosis.evidence.evidence import Kind
from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    MAY,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
    replay_of,
    score,
)

VECTORS = features(candles())


def test_exchanged_sides_are_told_with_where_to_look() -> None:
    finding = proven(evidence_of(score(VECTORS)[:, ::-1]))["sides_swapped"]
    assert finding.explained_ratio == 1.0
    assert "between production and the backtest" in finding.summary
    assert "which model is loaded for which side" in finding.summary


def test_in_a_replay_it_is_the_replay_that_they_changed_against() -> None:
    finding = proven(replay_of(score(VECTORS)[:, ::-1], VECTORS, MAY))["sides_swapped"]
    assert "between production and the replay" in finding.summary


def test_other_features_exchange_no_sides() -> None:
    assert beside("pipeline")["sides_swapped"].verdict is Verdict.REFUTED


def test_one_side_alone_has_nothing_to_be_exchanged_with() -> None:
    evidence = evidence_of()
    short_only = evidence.production.copy()
    short_only[:, 0] = np.nan
    needs = needed("sides_swapped", replace(evidence, production=short_only))
    assert needs == "needs LONG and SHORT signals on both sides of the comparison"
    assert needed("sides_swapped", evidence) is None
    assert needed("sides_swapped", replace(evidence, kind=Kind.IMPORTED)) is None
