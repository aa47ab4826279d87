"""How logged features moved: against the scaler, and against an earlier stretch of the log."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.arrays import Floats
from core.bundle.load import Bundle
from core.bundle.scaler import Scaler, ScalerKind
from core.diagnosis.drift import drift_of
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.features.feature_drift import drift_table, effective_rows, population_stability
from core.market import Side
from tests.diagnosis.small import compare, linear_bundle, linear_model, opens

COUNT = 200


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


def _bundle(names: tuple[str, ...], centre: float, long: float, short: float | None) -> Bundle:
    """Models behind standard scalers with this mean and these units."""
    bundle = linear_bundle("own", names, np.ones(len(names)))
    sides = {
        side: linear_model(
            names,
            np.ones(len(names)),
            Scaler(ScalerKind.STANDARD, (centre,) * len(names), (unit,) * len(names)),
        )
        for side, unit in ((Side.LONG, long), (Side.SHORT, short))
        if unit is not None
    }
    return Bundle(bundle.hash, bundle.name, bundle.path, sides, bundle.manifest)


def _evidence(
    matrix: Floats, bundle: Bundle | None = None, *, first: int = 0, **fields: Any
) -> Evidence:
    """A window of `COUNT` candles; the log starts `first` bars before or after its first."""
    names = tuple(f"f{number:02d}" for number in range(matrix.shape[1]))
    signals = np.full(COUNT, 0.5)
    common: dict[str, Any] = {
        "logged": FeatureRows(opens(len(matrix), first), names, matrix),
        "bundles": (bundle or _bundle(names, 10.0, 2.0, None),),
        "live": np.zeros(COUNT, dtype="int64"),
    }
    return compare(signals, signals, **common | fields)


def _drift(evidence: Evidence) -> dict[str, Any]:
    told = drift_of(evidence)
    assert told is not None
    return told


def test_a_shift_is_told_in_units_of_the_scaler() -> None:
    told = _drift(_evidence(np.full((COUNT, 1), 13.0)))
    (feature,) = told["features"]
    assert (feature["feature"], feature["side"]) == ("f00", "LONG")
    assert feature["z_shift"] == 1.5  # three of a unit of two


def test_the_side_that_scales_a_feature_finer_tells_it() -> None:
    finer = _bundle(("f00",), 10.0, 2.0, 0.5)
    (feature,) = _drift(_evidence(np.full((COUNT, 1), 13.0), finer))["features"]
    assert (feature["side"], feature["z_shift"]) == ("SHORT", 6.0)


SCALERS = {
    "standard": Scaler(ScalerKind.STANDARD, (10.0,) * 3, (2.0,) * 3),
    "mean only": Scaler(ScalerKind.STANDARD, offset=(10.0,) * 3),
    "min-max": Scaler(ScalerKind.MIN_MAX, (-1.0,) * 3, (0.3,) * 3),
    "none": Scaler(),
}


@pytest.mark.parametrize("short", SCALERS)
@pytest.mark.parametrize("long", SCALERS)
def test_the_page_and_the_diagnosis_tell_one_shift(long: str, short: str) -> None:
    names = ("f00", "f01", "f02")
    made = _bundle(names, 10.0, 2.0, 2.0)
    sides = {
        side: linear_model(names, np.ones(3), SCALERS[kind])
        for side, kind in ((Side.LONG, long), (Side.SHORT, short))
    }
    bundle = Bundle(made.hash, made.name, made.path, sides, made.manifest)
    matrix = np.random.default_rng(3).normal(12.0, 3.0, size=(143, 3))
    matrix[5, 1], matrix[6, 1] = np.nan, np.inf
    told = _drift(_evidence(matrix, bundle))["features"]
    page = drift_table(pd.DataFrame(matrix, columns=list(names)), None, sides)
    assert len(told) == 3
    assert {entry["feature"]: entry["z_shift"] for entry in told} == dict(
        zip(page["feature"], page["shift"], strict=True)
    )


def test_the_first_half_is_the_reference_of_a_log_without_a_past() -> None:
    values = np.random.default_rng(1).normal(size=(COUNT, 1))
    values[100:] += 1.0
    told = _drift(_evidence(values))
    assert told["reference"] == {
        "from": "2026-03-02T00:00:00Z",
        "last": "2026-03-02T08:15:00Z",
        "rows": 100,
    }
    assert told["window"]["rows"] == 100
    assert told["window"]["last"] == "2026-03-02T16:35:00Z"
    assert told["features"][0]["psi"] > 0.5
    assert told["features"][0]["ks"] == pytest.approx(0.4, abs=0.15)


@pytest.mark.parametrize(("before", "rows"), [(72, 72), (71, 100)])
def test_seventy_two_rows_before_the_window_are_a_reference(before: int, rows: int) -> None:
    values = np.random.default_rng(1).normal(size=(COUNT + before, 1))
    told = _drift(_evidence(values, first=-before))
    assert told["reference"]["rows"] == rows


def test_a_short_log_has_no_reference_and_tells_the_shift_alone() -> None:
    told = _drift(_evidence(np.full((143, 1), 13.0)))
    assert told["reference"] is None
    assert told["window"]["rows"] == 143
    (feature,) = told["features"]
    assert (feature["psi"], feature["z_shift"]) == (None, 1.5)
    assert _drift(_evidence(np.full((144, 1), 13.0)))["reference"]["rows"] == 72


def test_the_fifteen_features_that_moved_most_are_told() -> None:
    shifts = np.arange(20.0)
    told = _drift(_evidence(np.tile(10.0 + shifts, (100, 1))))
    assert [entry["z_shift"] for entry in told["features"]] == list(shifts[::-1][:15] / 2)


def test_a_shift_down_counts_as_one_up() -> None:
    told = _drift(_evidence(np.tile([12.0, 4.0, 11.0], (100, 1))))
    assert [entry["feature"] for entry in told["features"]] == ["f01", "f00", "f02"]


def test_values_that_are_no_numbers_are_left_out() -> None:
    matrix = np.full((100, 2), 13.0)
    matrix[:50, 0] = np.nan
    matrix[50, 0] = np.inf
    matrix[:, 1] = np.nan
    (feature,) = _drift(_evidence(matrix))["features"]
    assert (feature["feature"], feature["z_shift"]) == ("f00", 1.5)


def test_features_that_the_log_lacks_or_no_live_model_takes_are_not_told() -> None:
    wide = _bundle(("f00", "never"), 10.0, 2.0, None)
    told = _drift(_evidence(np.full((100, 2), 13.0), wide))
    assert [entry["feature"] for entry in told["features"]] == ["f00"]
    assert _drift(_evidence(np.full((100, 1), 13.0), live=None))["features"] == []
    unknown = np.full(COUNT, -1, dtype="int64")
    assert _drift(_evidence(np.full((100, 1), 13.0), live=unknown))["features"] == []


def test_a_log_that_holds_no_candle_of_the_window_tells_no_drift() -> None:
    assert drift_of(_evidence(np.full((100, 1), 13.0), first=9_000)) is None
    assert drift_of(_evidence(np.full((100, 1), 13.0), logged=None)) is None
    empty = compare(np.empty((0, 2)), np.empty((0, 2)))
    assert drift_of(empty) is None
