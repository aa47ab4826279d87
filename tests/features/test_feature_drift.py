from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.bundle.load import load_bundle
from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.write import write_bundle
from core.features.feature_drift import FEWEST_ROWS, drift_table
from core.market import Side
from tests.recompute.recompute_world import side_contents


def table(now: list[float], before: list[float]) -> pd.Series:
    found = drift_table(pd.DataFrame({"a": now}), pd.DataFrame({"a": before}), {})
    return found.iloc[0]


def test_the_same_values_do_not_drift() -> None:
    values = np.random.default_rng(1).normal(size=500).tolist()
    row = table(values, values)
    assert row["psi"] == pytest.approx(0)
    assert row["ks"] == 0


def test_values_far_apart_share_nothing() -> None:
    row = table(np.linspace(0, 1, 100).tolist(), np.linspace(5, 6, 100).tolist())
    assert row["ks"] == 1
    assert row["psi"] > 2


@pytest.mark.parametrize(("rows", "is_known"), [(FEWEST_ROWS - 1, False), (FEWEST_ROWS, True)])
def test_six_hours_of_values_are_the_fewest_that_tell_a_drift(rows: int, is_known: bool) -> None:
    values = np.linspace(0, 1, rows).tolist()
    assert FEWEST_ROWS == 72
    assert table(values, values)[["psi", "ks"]].notna().tolist() == [is_known, is_known]


def test_missing_values_do_not_count() -> None:
    values = np.linspace(0, 1, 100).tolist()
    assert table([*values, float("nan")], [*values, float("inf")])["ks"] == 0


def test_few_values_and_no_scaler_are_not_known() -> None:
    now = pd.DataFrame({"a": np.arange(10.0)})
    found = drift_table(now, now, {})
    assert found[["shift", "spread", "psi", "ks"]].isna().all().all()
    assert found["mean"].tolist() == [4.5]


def test_shift_and_spread_are_in_the_units_of_the_finer_scaler(
    tmp_path: Path,
) -> None:
    made = side_contents(("a", "b"), seed=1)
    sides = {
        Side.LONG: replace(
            made[Side.LONG],
            features=("a", "c"),
            scaler=Scaler(ScalerKind.STANDARD, offset=(10.0, 0.0), scale=(2.0, 1.0)),
        ),
        Side.SHORT: replace(
            made[Side.SHORT],
            scaler=Scaler(ScalerKind.STANDARD, offset=(0.0, 4.0), scale=(1.0, 8.0)),
        ),
    }
    models = load_bundle(write_bundle(tmp_path / "bundle", "b", sides)).sides
    now = pd.DataFrame({"a": [13.0, 15.0], "b": [0.0, 8.0], "unused": [1.0, 2.0]})
    found = drift_table(now, None, models).set_index("feature")
    # a: mean 14, deviation 1, in units of SHORT, the finer; b: mean 4, deviation 4.
    assert list(found.loc["a"][["shift", "spread"]]) == [14.0, 1.0]
    assert list(found.loc["b"][["shift", "spread"]]) == [0.0, 0.5]
    assert found.loc["unused", ["shift", "spread"]].isna().all()


@pytest.mark.parametrize(
    ("scaler", "shift", "spread"),
    [
        # 15 lies half way from 10, the start of the range, to its end at 20
        (Scaler(ScalerKind.MIN_MAX, offset=(-1.0, 0.0), scale=(0.1, 1.0)), 0.5, 0.1),
        (Scaler(ScalerKind.STANDARD, offset=(10.0, 0.0)), 5.0, 1.0),
        (Scaler(ScalerKind.STANDARD, scale=(10.0, 1.0)), 1.5, 0.1),
        (Scaler(), 15.0, 1.0),
    ],
    ids=["min-max", "mean only", "scale only", "none"],
)
def test_the_mean_is_told_as_every_scaler_hands_it_over(
    tmp_path: Path, scaler: Scaler, shift: float, spread: float
) -> None:
    made = side_contents(("a", "b"), seed=1)
    sides = {Side.LONG: replace(made[Side.LONG], scaler=scaler)}
    models = load_bundle(write_bundle(tmp_path / "bundle", "b", sides)).sides
    found = drift_table(pd.DataFrame({"a": [14.0, 16.0]}), None, models)
    assert found[["shift", "spread"]].to_numpy().tolist() == [[shift, pytest.approx(spread)]]


def test_values_that_are_no_numbers_move_no_mean() -> None:
    now = pd.DataFrame({"a": [1.0, np.inf, np.nan, 3.0], "b": [np.nan] * 4})
    found = drift_table(now, None, {}).set_index("feature")
    assert (found.at["a", "mean"], found.at["a", "deviation"]) == (2.0, 1.0)
    assert found.loc["b"].isna().all()
