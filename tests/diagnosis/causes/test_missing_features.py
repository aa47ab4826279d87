from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.arrays import Floats
from core.bundle.booster import BoosterModel
from core.diagnosis.causes.missing_features import CAUSE
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.finding import Verdict
from tests.diagnosis.causes.ten_features import NAMES, make_matrix, make_ten, score_ten
from tests.diagnosis.small_world import (
    COUNT,
    FEATURES,
    OPENS,
    beside,
    candles,
    diagnosed,
    evidence_of,
    features,
    logistic,
    make_bundle,
    needed,
    proven,
    replay_of,
    score,
    search_of,
)

MATRIX = make_matrix()
TEN = make_ten(MATRIX)


def _filled(names: Sequence[str], *, with_mean: bool = False) -> Evidence:
    """The bot's model got a constant in place of these features."""
    inputs = MATRIX.copy()
    places = [NAMES.index(name) for name in names]
    inputs[:, places] = MATRIX.mean(axis=0)[places] if with_mean else 0.0
    return replay_of(score_ten(inputs, TEN), MATRIX, TEN, NAMES)


@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("names", [["c"], ["a", "h"], ["a", "b", "c", "d", "e", "f"]])
def test_up_to_six_filled_features_are_named_with_what_filled_them(
    names: list[str], with_mean: bool
) -> None:
    finding = proven(_filled(names, with_mean=with_mean))["missing_features"]
    assert finding.parameters == {"features": names, "fill": "the mean" if with_mean else "0"}


def test_the_sentence_names_the_features_and_where_to_look() -> None:
    many = proven(_filled(["a", "h"]))["missing_features"].summary
    assert "Production's model got 0 in place of a and h" in many
    assert "does not find these features by name" in many
    assert "this feature by name" in proven(_filled(["c"]))["missing_features"].summary


def test_seven_filled_features_are_not_named_as_six() -> None:
    found = diagnosed(_filled(["a", "b", "c", "d", "e", "f", "g"]))
    assert found["missing_features"].verdict is not Verdict.PROVEN
    assert len(found["missing_features"].parameters.get("features", [])) <= 6


def test_a_row_that_lacks_an_input_and_got_a_zero_is_told() -> None:
    rows = candles()
    absent = np.zeros((COUNT, len(FEATURES)), dtype=bool)
    absent[::5, 2] = True
    emitted = score(features(rows))
    emitted[::5] = 0.0
    logged = FeatureRows(OPENS, FEATURES, features(rows), absent)
    finding = proven(evidence_of(emitted, logged=logged))["missing_features"]
    assert finding.parameters == {"fill": "probability 0"}
    assert "a probability of exactly 0 where an input was missing" in finding.summary


def test_other_code_fills_nothing() -> None:
    assert beside("pipeline")["missing_features"].verdict is Verdict.REFUTED
    assert "list the models" in str(needed("missing_features", evidence_of(bundles=())))


class Largest(BoosterModel):
    """The log-odds are the largest input: filling a smaller one alone does nothing."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def predict(self, scaled: Floats) -> Any:
        self.rows.append(len(scaled))
        return logistic(scaled.max(axis=1))

    def contributions(self, scaled: Floats) -> Floats:
        return np.zeros_like(scaled)


def _staircase(steps: Sequence[float], left: float) -> tuple[Evidence, Largest]:
    """Features a, b, … each so much above the next, the last above a constant "z" of 0.

    Production got 0 in place of all of them, and `left` less than that.
    """
    heights = np.cumsum(np.array(steps)[::-1])[::-1]
    wobble = np.random.default_rng(4).uniform(0.9, 1.1, (COUNT, 1))
    matrix = np.column_stack([heights * wobble, np.zeros(COUNT)])
    names = (*"abcdefghij"[: len(steps)], "z")
    model = Largest()
    bundle = make_bundle("largest", (model, model), names=names)
    emitted = np.full((COUNT, 2), logistic(np.array(-left)).astype("float64"))
    return replay_of(emitted, matrix, bundle, names), model


def _named(evidence: Evidence) -> list[str]:
    first = next(iter(CAUSE.propose(search_of(evidence))))
    return list(first.values["features"])


@pytest.mark.parametrize(("count", "named"), [(5, 5), (6, 5)])
def test_features_that_show_only_beside_others_are_found_in_four_turns(
    count: int, named: int
) -> None:
    evidence, _ = _staircase([0.5] * count, 0.0)
    assert _named(evidence) == list("abcdef")[:named]


@pytest.mark.parametrize(("step", "named"), [(0.007, ["a"]), (0.013, ["a", "b"])])
def test_a_turn_that_gains_less_than_a_hundredth_is_not_taken(
    step: float, named: list[str]
) -> None:
    evidence, _ = _staircase([0.5, step], 1.0)
    assert _named(evidence) == named


@pytest.mark.parametrize(("step", "named"), [(0.8e-4, ["a"]), (1.3e-4, ["a", "b"])])
def test_what_float32_leaves_of_the_difference_is_not_searched(
    step: float, named: list[str]
) -> None:
    evidence, _ = _staircase([0.5, step], 0.0)
    assert _named(evidence) == named


@pytest.mark.parametrize(("probes", "scored"), [(95, 95), (96, 48)])
def test_sets_are_scored_on_half_of_the_probes(probes: int, scored: int) -> None:
    evidence, model = _staircase([0.5, 0.5], 0.0)
    search = search_of(evidence)
    model.rows.clear()
    list(CAUSE.propose(replace(search, probes=search.places[:probes])))
    assert max(model.rows) == scored * 3  # a, b and z at once
