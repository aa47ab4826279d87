"""Effects on a model whose answer is known: a real booster on two features."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

from core.arrays import Floats
from core.bundle.booster import ModelFormat
from core.bundle.load import SideModel, side_model
from core.bundle.scaler import Scaler, ScalerKind
from core.features.attribute import Carriers, Substitution, compare_candle, smallest_set
from core.features.compare import compare_features
from core.features.feature_overview import collisions, spread_sample, summarise_features
from core.features.units import feature_units
from core.market import Side


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SideModel:
    """LONG depends on `a` (which stands twice) and hardly on anything else."""
    from xgboost import XGBClassifier

    rng = np.random.default_rng(3)
    values = rng.normal(size=(400, 3))
    values[:, 2] = values[:, 0]
    fitted = XGBClassifier(n_estimators=20, max_depth=3, random_state=1)
    fitted.fit(values, (values[:, 0] > 0).astype(int))
    file: Path = tmp_path_factory.mktemp("model") / "model.json"
    fitted.save_model(file)
    scaler = Scaler(ScalerKind.STANDARD, (0.0, 0.0, 0.0), (1.0, 2.0, 1.0))
    return side_model(file.read_bytes(), ModelFormat.JSON, scaler, ("a", "b", "a"))


def test_the_feature_that_carries_the_difference_comes_first(model: SideModel) -> None:
    logged = pd.Series({"a": 2.0, "b": 1.0, "unused": 5.0})
    recomputed = pd.Series({"a": -2.0, "b": 3.0})
    found = compare_candle({Side.LONG: model}, logged, recomputed)
    assert found.table["feature"].tolist() == ["a", "b"]
    first = found.table.iloc[0]
    side = found.sides[Side.LONG]
    assert first["effect_LONG"] == pytest.approx(side.logged - side.recomputed, abs=0.05)
    assert side.carriers == ("a",)
    assert found.table["scaled"].tolist() == [4.0, -1.0]
    assert found.missing == ()


def test_each_row_of_marks_is_a_variant_that_every_candle_is_scored_in(model: SideModel) -> None:
    logged = np.array([[2.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    recomputed = np.array([[-2.0, 3.0, -2.0], [-1.0, 3.0, -1.0]])
    rows = Substitution(model=model, logged=logged, recomputed=recomputed)
    marks = np.array([[True, True, True], [False, False, False], [False, True, False]])
    mixed = np.array([[-2.0, 1.0, -2.0], [-1.0, 1.0, -1.0]])
    expected = [model.score(logged), model.score(recomputed), model.score(mixed)]
    np.testing.assert_array_equal(rows.scored(marks), expected)
    np.testing.assert_array_equal(
        rows.left(marks), np.abs(expected[0] - np.array(expected)).mean(axis=1)
    )


class _Sum:
    """A model whose probability is a function of its inputs, written down."""

    def __init__(self, formula: Callable[[Floats], Floats]) -> None:
        self.score = formula


def rows_of(formula: Callable[[Floats], Floats], inputs: int) -> Substitution:
    """One candle: every logged value is 1, every recomputed one 0."""
    return Substitution(
        model=cast(SideModel, _Sum(formula)),
        logged=np.ones((1, inputs)),
        recomputed=np.zeros((1, inputs)),
    )


def test_the_smallest_set_is_enough_and_no_larger() -> None:
    rows = rows_of(lambda values: values @ np.array([0.02, 0.6, 0.03, 0.35]), 4)
    found = smallest_set(rows, np.eye(4, dtype=bool), [0, 1, 2, 3])
    assert found.places == (1, 3)
    assert found.removed_ratio == pytest.approx(0.95)


@pytest.mark.parametrize(("strongest", "expected"), [(0.945, (0, 1)), (0.955, (0,))])
def test_a_set_is_enough_at_95_per_cent(strongest: float, expected: tuple[int, ...]) -> None:
    rows = rows_of(lambda values: values @ np.array([strongest, 1 - strongest]), 2)
    assert smallest_set(rows, np.eye(2, dtype=bool), [0, 1]).places == expected


def test_features_that_act_together_only_are_found_beside_one_another() -> None:
    # By strength alone the pair (0, 1) comes after 2 and 3, which add nothing beside it.
    rows = rows_of(lambda v: np.maximum(v[:, 0] * v[:, 1], 0.3 * v[:, 2] + 0.2 * v[:, 3]), 4)
    found = smallest_set(rows, np.eye(4, dtype=bool), [0, 1, 2, 3])
    assert found.places == (0, 1)
    assert found.removed_ratio == 1.0


def test_a_set_that_is_cut_short_says_how_much_it_removes() -> None:
    rows = rows_of(lambda values: values.mean(axis=1), 4)
    found = smallest_set(rows, np.eye(4, dtype=bool), [2, 0, 1, 3], most=2)
    assert found == Carriers((2, 0), 0.5)  # the first of equals first


def test_nothing_is_chosen_where_nothing_differs() -> None:
    rows = rows_of(lambda values: 0 * values[:, 0], 3)
    assert smallest_set(rows, np.eye(3, dtype=bool), [0, 1, 2]) == Carriers((), 0.0)


def test_a_difference_is_told_in_the_same_unit_on_a_candle_and_over_a_window(
    model: SideModel,
) -> None:
    finer = replace(model, scaler=Scaler(ScalerKind.STANDARD, (0.0, 0.0, 0.0), (1.0, 0.5, 1.0)))
    models = {Side.LONG: model, Side.SHORT: finer}
    logged, recomputed = pd.Series({"a": 1.0, "b": 1.0}), pd.Series({"a": 1.0, "b": 3.0})
    on_candle = compare_candle(models, logged, recomputed).table.set_index("feature")["scaled"]
    window = compare_features(
        logged.to_frame().T, recomputed.to_frame().T, feature_units(models)
    ).features.set_index("feature")["max_scaled_diff"]
    assert on_candle.abs().to_dict() == window.to_dict() == {"a": 0.0, "b": 4.0}


def test_equal_vectors_have_no_effects_and_nothing_carries_them(model: SideModel) -> None:
    same = pd.Series({"a": 0.5, "b": float("nan")})
    found = compare_candle({Side.LONG: model}, same, same)
    assert found.table["is_equal"].all()
    assert (found.table["effect_LONG"] == 0).all()
    assert found.sides[Side.LONG].carriers == ()


def test_a_missing_feature_is_named_and_its_side_has_no_effects(model: SideModel) -> None:
    found = compare_candle({Side.LONG: model}, pd.Series({"a": 1.0}), pd.Series({"a": 1.0, "b": 2}))
    assert found.missing == ("b",)
    assert found.sides == {}
    assert found.table["effect_LONG"].isna().all()


def test_inputs_stay_as_they_are(model: SideModel) -> None:
    logged, recomputed = pd.Series({"a": 1.0, "b": 2.0}), pd.Series({"a": 2.0, "b": 2.0})
    before = logged.copy(), recomputed.copy()
    compare_candle({Side.LONG: model}, logged, recomputed)
    pd.testing.assert_series_equal(logged, before[0])
    pd.testing.assert_series_equal(recomputed, before[1])


def frame(values: dict[str, list[float]]) -> pd.DataFrame:
    count = len(next(iter(values.values())))
    index = pd.date_range("2025-11-03", periods=count, freq="5min", tz="UTC", name="candle_open")
    return pd.DataFrame(values, index=index)


def test_a_sample_is_spread_and_keeps_both_ends() -> None:
    opens = np.arange(10_000, dtype="int64")
    sample = spread_sample(opens, 100)
    assert len(sample) == 100
    assert (sample[0], sample[-1]) == (0, 9_999)
    assert spread_sample(opens[:5]).tolist() == [0, 1, 2, 3, 4]


def test_columns_equal_on_one_side_only_are_a_collision() -> None:
    ramp, other = [float(n) for n in range(25)], [float(n * n) for n in range(25)]
    logged = frame({"a": ramp, "b": ramp, "c": [1.0] * 25})
    recomputed = frame({"a": ramp, "b": other, "c": [1.0] * 25})
    assert collisions(logged, recomputed) == (("logged", ("a", "b")),)
    assert collisions(logged, logged) == ()
    assert collisions(logged.head(5), recomputed.head(5)) == ()


def test_without_recomputed_features_only_drift_is_told() -> None:
    logged = frame({"a": [1.0, 2.0]})
    found = summarise_features(logged, logged.iloc[:0], logged.iloc[:0], None, stored=2)
    assert (found.compared, found.sampled, found.is_sample) == (0, 2, False)
    assert "equal_ratio" not in found.table.columns
    whole = summarise_features(logged, logged, logged.iloc[:0], None, stored=9)
    assert whole.is_sample
    assert whole.table["equal_ratio"].tolist() == [1.0]
