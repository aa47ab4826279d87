import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from xgboost import XGBClassifier

from core.bundle import booster
from core.bundle.convert import SideFiles, convert_model
from core.bundle.load import load_bundle
from core.bundle.manifest import read_manifest
from core.errors import BundleError
from core.market import Side
from tests.bundle.conftest import FEATURES, training_data, write_side

ANY_FLOAT = st.floats(min_value=-1e300, max_value=1e300) | st.just(float("nan"))


@given(matrix=arrays("float64", st.tuples(st.integers(1, 40), st.just(4)), elements=ANY_FLOAT))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_scores_are_the_bits_of_sklearn_and_predict_proba(
    bundle: Path, classifier: XGBClassifier, scaler: StandardScaler, matrix: np.ndarray
) -> None:
    expected = classifier.predict_proba(scaler.transform(matrix))[:, 1]
    before = matrix.copy()
    got = load_bundle(bundle).sides[Side.LONG].score(matrix)
    np.testing.assert_array_equal(got, expected.astype("float64"))
    np.testing.assert_array_equal(matrix, before)


@given(cut=st.integers(1, 8999))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_batch_size_changes_a_score(bundle: Path, cut: int) -> None:
    matrix, _ = training_data(9000, seed=cut)
    model = load_bundle(bundle).sides[Side.LONG]
    whole = model.score(matrix)
    np.testing.assert_array_equal(
        whole, np.concatenate([model.score(matrix[:cut]), model.score(matrix[cut:])])
    )
    assert model.score(matrix[cut : cut + 1])[0] == whole[cut]


@pytest.mark.parametrize("clip", [False, True])
def test_min_max_scaler_is_scored_as_sklearn_does(tmp_path: Path, clip: bool) -> None:
    matrix, target = training_data()
    scaler = MinMaxScaler(feature_range=(-1, 2), clip=clip).fit(matrix[:200])
    model = XGBClassifier(n_estimators=9, max_depth=3).fit(scaler.transform(matrix), target)
    folder = write_side(tmp_path / "long", model, scaler)
    side = load_bundle(convert_model(tmp_path / "b", long=SideFiles(folder))).sides[Side.LONG]
    wild = matrix * 3
    expected = model.predict_proba(scaler.transform(wild))[:, 1]
    np.testing.assert_array_equal(side.score(wild), expected.astype("float64"))


@pytest.mark.parametrize("parts", [{"with_mean": False}, {"with_std": False}])
def test_standard_scaler_with_one_part_only(tmp_path: Path, parts: dict[str, bool]) -> None:
    matrix, target = training_data()
    scaler = StandardScaler(**parts).fit(matrix)
    model = XGBClassifier(n_estimators=9, max_depth=3).fit(scaler.transform(matrix), target)
    folder = write_side(tmp_path / "long", model, scaler)
    side = load_bundle(convert_model(tmp_path / "b", long=SideFiles(folder))).sides[Side.LONG]
    expected = model.predict_proba(scaler.transform(matrix))[:, 1]
    np.testing.assert_array_equal(side.score(matrix), expected.astype("float64"))


def test_early_stopping_scores_with_the_best_iteration(tmp_path: Path) -> None:
    matrix, target = training_data()
    model = XGBClassifier(n_estimators=200, learning_rate=0.9, early_stopping_rounds=5)
    model.fit(matrix[:200], target[:200], eval_set=[(matrix[200:], target[200:])], verbose=False)
    folder = write_side(tmp_path / "long", model, None)
    side = load_bundle(convert_model(tmp_path / "b", long=SideFiles(folder))).sides[Side.LONG]
    assert model.get_booster().num_boosted_rounds() > model.best_iteration + 1
    expected = model.predict_proba(matrix)[:, 1]
    np.testing.assert_array_equal(side.score(matrix), expected.astype("float64"))


def test_linear_booster_and_own_base_score_score_like_predict_proba(tmp_path: Path) -> None:
    matrix, target = training_data()
    scaled = StandardScaler().fit_transform(matrix)
    for name, parameters in (("lin", {"booster": "gblinear"}), ("base", {"base_score": 0.2})):
        model = XGBClassifier(n_estimators=9, **parameters).fit(scaled, target)
        folder = write_side(tmp_path / name, model, None)
        path = convert_model(tmp_path / f"{name}-bundle", long=SideFiles(folder))
        got = load_bundle(path).sides[Side.LONG].score(scaled)
        np.testing.assert_array_equal(got, model.predict_proba(scaled)[:, 1].astype("float64"))


def test_a_bulk_of_rows_scores_as_its_parts_do(bundle: Path) -> None:
    matrix, _ = training_data(40_000, seed=3)  # so many take another path through XGBoost
    model = load_bundle(bundle).sides[Side.LONG]
    parts = [model.score(part) for part in np.array_split(matrix, 4)]
    np.testing.assert_array_equal(model.score(matrix), np.concatenate(parts))


def test_contributions_add_up_to_the_difference_of_two_signals(bundle: Path) -> None:
    matrix, _ = training_data(50, seed=4)
    model = load_bundle(bundle).sides[Side.LONG]
    scores = model.score(matrix)
    log_odds = np.log(scores / (1 - scores))
    sums = model.contributions(matrix).sum(axis=1)
    np.testing.assert_allclose(sums - sums[0], log_odds - log_odds[0], atol=1e-4)


def test_no_rows_score_to_no_rows(bundle: Path) -> None:
    assert len(load_bundle(bundle).sides[Side.LONG].score(np.empty((0, len(FEATURES))))) == 0


def test_wrong_width_is_refused(bundle: Path) -> None:
    with pytest.raises(BundleError, match="4 features needed"):
        load_bundle(bundle).sides[Side.LONG].score(np.zeros((2, 3)))


def test_changed_model_is_refused_and_named(bundle: Path) -> None:
    model = bundle / "long.json"
    model.write_text(model.read_text() + " ")
    with pytest.raises(BundleError, match=r"bundle: LONG: long\.json is not the file"):
        load_bundle(bundle)


def test_missing_model_is_refused_and_named(bundle: Path) -> None:
    (bundle / "long.json").unlink()
    with pytest.raises(BundleError, match=r"long\.json: cannot be read"):
        load_bundle(bundle)


def test_model_leading_out_of_the_folder_by_a_link_is_refused(bundle: Path) -> None:
    outside = bundle.parent / "outside.json"
    (bundle / "long.json").rename(outside)
    (bundle / "long.json").symlink_to(outside)
    with pytest.raises(BundleError, match="leads outside"):
        load_bundle(bundle)


def test_damaged_model_with_a_matching_hash_is_refused(bundle: Path) -> None:
    model = bundle / "long.json"
    for damaged in (model.read_bytes()[:500], b"{}", b'{"learner": {}}', b""):
        model.write_bytes(damaged)
        _edit(bundle, partial(dict.update, sha256=_sha256(damaged)))
        with pytest.raises(BundleError, match="LONG: the model is damaged"):
            load_bundle(bundle)


def test_feature_list_of_another_length_is_refused(bundle: Path) -> None:
    def shorten(side: dict[str, Any]) -> None:
        side["features"].pop()
        for part in ("offset", "scale"):
            side["scaler"][part].pop()

    _edit(bundle, shorten)
    with pytest.raises(BundleError, match="takes 4 features, the list holds 3"):
        load_bundle(bundle)


def _edit(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = bundle / "bundle.json"
    content = json.loads(file.read_text())
    change(content["sides"]["LONG"])
    file.write_text(json.dumps(content))


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def test_bundle_that_was_opened_before_is_not_opened_until_it_scores(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = {read_manifest(bundle).hash}
    opened: list[str] = []
    open_ = booster._open

    def noting(raw: bytes, format_: booster.ModelFormat, threads: int) -> Any:
        opened.append(format_)
        return open_(raw, format_, threads)

    monkeypatch.setattr(booster, "_OPENED", {})
    monkeypatch.setattr(booster, "_open", noting)
    model = load_bundle(bundle, sound).sides[Side.LONG]
    assert not opened
    got = model.score(np.zeros((2, 4)))
    assert opened == ["json"]
    np.testing.assert_array_equal(load_bundle(bundle).sides[Side.LONG].score(np.zeros((2, 4))), got)


def test_changed_model_of_a_bundle_that_was_opened_before_is_refused(bundle: Path) -> None:
    sound = {read_manifest(bundle).hash}
    model = bundle / "long.json"
    model.write_text(model.read_text() + " ")
    with pytest.raises(BundleError, match=r"bundle: LONG: long\.json is not the file"):
        load_bundle(bundle, sound)


@pytest.mark.parametrize("kind", ["gbtree", "gblinear"])
def test_a_model_fitted_on_a_dataframe_tells_its_contributions(kind: str) -> None:
    """It carries names, and refuses rows without them."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["ema", "rsi", "atr"])
    fitted = XGBClassifier(n_estimators=5, booster=kind).fit(frame, frame["rsi"] > 0)
    raw = bytes(fitted.get_booster().save_raw("json"))
    model = booster.open_model(raw, hashlib.sha256(raw).hexdigest(), booster.ModelFormat.JSON)
    matrix = frame.to_numpy()
    assert model.feature_names == ("ema", "rsi", "atr")
    assert np.allclose(model.predict(matrix), fitted.predict_proba(frame)[:, 1], atol=1e-6)
    contributions = model.contributions(matrix)
    assert contributions.shape == (200, 3)
    assert np.abs(contributions).mean(axis=0).argmax() == 1
