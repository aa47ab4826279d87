from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.drift import drift_of
from core.features.drift import effective_rows, population_stability
from core.market import Side
from core.times import DAY_US
from tests.diagnosis.cases import make_evidence


def test_independent_rows_count_in_full_and_alike_neighbours_do_not() -> None:
    noise = np.random.default_rng(1).normal(size=4000)
    slow = np.empty(4000)
    slow[0] = 0.0
    for place in range(1, 4000):
        slow[place] = 0.9 * slow[place - 1] + noise[place]
    assert effective_rows(noise) == pytest.approx(4000, rel=0.15)
    # (1 − 0.9) / (1 + 0.9) of the rows for an autoregression of 0.9
    assert effective_rows(slow) == pytest.approx(4000 * 0.1 / 1.9, rel=0.4)


def test_a_constant_feature_is_one_row() -> None:
    assert effective_rows(np.ones(100)) == 1.0


def test_the_same_values_have_no_instability_and_moved_ones_have() -> None:
    values = np.random.default_rng(2).normal(size=2000)
    assert population_stability(values, values) == 0.0
    assert population_stability(values, values + 1.0) > 0.5


def test_a_log_that_holds_no_candle_of_the_window_tells_no_drift() -> None:
    evidence = make_evidence(days=1)
    assert evidence.logged is not None
    elsewhere = replace(evidence.logged, opens=evidence.logged.opens + 30 * DAY_US)
    assert drift_of(replace(evidence, logged=elsewhere)) is None


def test_the_diagnosis_tells_a_shift_in_the_finer_unit_of_both_sides() -> None:
    evidence = make_evidence(days=1)
    bundle = evidence.bundles[0]
    finer = {
        side: replace(
            model,
            scaler=replace(model.scaler, scale=tuple(s / 4 for s in model.scaler.scale or ()))
            if side == Side.SHORT
            else model.scaler,
        )
        for side, model in bundle.sides.items()
    }
    scaled = replace(evidence, bundles=(replace(bundle, sides=finer), *evidence.bundles[1:]))
    before, after = drift_of(evidence), drift_of(scaled)
    assert before is not None and after is not None
    one = {entry["feature"]: entry for entry in before["features"]}
    both = {entry["feature"]: entry for entry in after["features"] if entry["feature"] in one}
    shared = [name for name, entry in both.items() if entry["side"] == "SHORT"]
    assert shared
    assert all(abs(both[name]["z_shift"]) > abs(one[name]["z_shift"]) for name in shared)
