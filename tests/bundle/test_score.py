from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from core.bundle.load import SideModel, load_bundle
from core.bundle.score import pick_columns, score_columns
from core.market import Side
from tests.bundle.conftest import training_data


@pytest.fixture
def model(bundle: Path) -> SideModel:
    return load_bundle(bundle).sides[Side.LONG]


def test_columns_are_picked_by_name_and_a_name_twice_by_place() -> None:
    assert pick_columns(("b", "a", "b"), ("a", "b")) == ([1, 0, 1], ())
    assert pick_columns(("b", "a", "b"), ("b", "a", "b")) == ([0, 1, 2], ())


def test_missing_columns_are_named_once_in_the_models_order() -> None:
    assert pick_columns(("z", "b", "z", "y"), ("b",)) == ([0], ("z", "y"))


def test_scored_as_the_bot_does_from_its_columns(
    model: SideModel, classifier: XGBClassifier, scaler: StandardScaler
) -> None:
    matrix, _ = training_data(30, seed=3)
    columns = ("time", "rsi", "volume", "body")
    logged = np.column_stack([np.arange(30.0), matrix[:, 2], matrix[:, 1], matrix[:, 0]])
    inputs = matrix[:, [0, 1, 2, 1]]
    expected = classifier.predict_proba(scaler.transform(inputs))[:, 1]
    before = logged.copy()
    scored = score_columns(model, columns, logged)
    np.testing.assert_array_equal(scored.probabilities, expected.astype("float64"))
    np.testing.assert_array_equal(logged, before)
    assert scored.missing == ()


def test_a_column_that_is_not_there_is_never_filled(model: SideModel) -> None:
    scored = score_columns(model, ("rsi", "body"), np.zeros((2, 2)))
    assert scored.missing == ("volume",)
    assert np.isnan(scored.probabilities).all()


def test_nan_goes_to_the_model_and_infinity_is_not_scored(model: SideModel) -> None:
    logged = np.array([[0.0, 2e4, 50.0], [np.nan, 2e4, 50.0], [np.inf, 2e4, 50.0]])
    scored = score_columns(model, ("body", "volume", "rsi"), logged)
    assert np.isfinite(scored.probabilities[:2]).all()
    assert np.isnan(scored.probabilities[2])
    assert scored.is_infinite.tolist() == [False, False, True]
    assert scored.has_nan.tolist() == [False, True, False]
