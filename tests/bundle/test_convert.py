import json
from pathlib import Path
from typing import Any

import pytest
from xgboost import Booster, XGBClassifier, XGBRegressor

from core.bundle.convert import SideFiles, convert_model
from core.bundle.load import load_bundle
from core.bundle.manifest import read_manifest
from core.errors import BundleError
from core.market import Side
from tests.bundle.conftest import FEATURES, training_data
from tests.real import REAL, needs_real

pytestmark = pytest.mark.slow


def test_both_sides_from_folders_and_again_without_a_change(
    tmp_path: Path, side_folder: Path
) -> None:
    out, files = tmp_path / "out" / "bundle", SideFiles(side_folder)
    convert_model(out, long=files, short=files)
    before = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    assert convert_model(out, long=files, short=files) == out
    assert {file.name: file.stat().st_mtime_ns for file in out.iterdir()} == before
    bundle = load_bundle(out)
    assert bundle.name == "bundle"
    assert [model.features for model in bundle.sides.values()] == [FEATURES, FEATURES]
    assert len({model.model_sha256 for model in bundle.sides.values()}) == 1


def test_single_files_and_ubj_score_alike(tmp_path: Path, side_folder: Path) -> None:
    ubj = tmp_path / "m.ubj"
    Booster(model_file=side_folder / "model.json").save_model(ubj)
    scaler, features = side_folder / "scaler.json", side_folder / "features.txt"
    one = convert_model(tmp_path / "a", short=SideFiles(ubj, scaler, features))
    other = convert_model(tmp_path / "b", short=SideFiles(side_folder))
    rows = training_data(20)[0]
    scores = [load_bundle(path).sides[Side.SHORT].score(rows).tolist() for path in (one, other)]
    assert scores[0] == scores[1]


def test_the_hash_is_of_the_content_and_not_of_names(tmp_path: Path, side_folder: Path) -> None:
    files = SideFiles(side_folder)
    first = read_manifest(convert_model(tmp_path / "a", long=files, name="monday"))
    second = read_manifest(convert_model(tmp_path / "b", long=files, name="tuesday"))
    assert first.hash == second.hash
    assert first.name != second.name
    assert read_manifest(convert_model(tmp_path / "c", short=files)).hash != first.hash
    (side_folder / "features.txt").write_text("\n".join(reversed(FEATURES)))
    assert read_manifest(convert_model(tmp_path / "d", long=files)).hash != first.hash


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("features.txt", "body\nvolume\n", "2 numbers|4 numbers in offset for 2 features"),
        ("features.txt", "", "features must be a list of names"),
        ("scaler.json", "not json", r"scaler\.json: cannot be read as JSON"),
        ("scaler.json", '{"type": "RobustScaler"}', "'RobustScaler' is not supported"),
        ("scaler.json", '{"type": "StandardScaler", "mean_": [1, 2, 3, 4]}', 'without "scale_"'),
        ("scaler.json", '{"mean_": [0, 0, 0], "scale_": [1, 1, 1]}', "3 numbers in offset for 4"),
        ("scaler.json", '{"mean_": [0, 0, 0, NaN], "scale_": [1, 1, 1, 1]}', "not finite"),
        ("scaler.json", '{"mean_": [0, 0, 0, 0], "scale_": [1, 1, 0, 1]}', "0 for feature 3"),
        ("scaler.json", '{"mean_": "abcd", "scale_": [1, 1, 1, 1]}', "must be a list of numbers"),
        ("model.json", "{}", "the model is damaged"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    tmp_path: Path, side_folder: Path, file: str, content: str, message: str
) -> None:
    (side_folder / file).write_text(content)
    with pytest.raises(BundleError, match=message):
        convert_model(tmp_path / "b", long=SideFiles(side_folder))
    assert not (tmp_path / "b").exists()


def test_a_model_that_aborts_xgboost_is_refused_not_fatal(
    tmp_path: Path, side_folder: Path
) -> None:
    raw = bytes(Booster(model_file=side_folder / "model.json").save_raw("ubj"))
    model = tmp_path / "m.ubj"
    for damaged in (b"{L" + b"\xff" * 200, raw[:1000] + b"}"):
        model.write_bytes(damaged)
        with pytest.raises(BundleError, match=r"m\.ubj: the model is damaged"):
            convert_model(tmp_path / "b", long=SideFiles(model, None, side_folder / "features.txt"))


def test_models_that_are_no_binary_classifier_are_refused(
    tmp_path: Path, side_folder: Path
) -> None:
    matrix, target = training_data()
    many = XGBClassifier(n_estimators=2).fit(matrix, target + (matrix[:, 0] > 1))
    for model, objective in ((many, "multi:softprob"), (XGBRegressor(n_estimators=2), "reg:sq")):
        if objective == "reg:sq":
            model.fit(matrix, target)
        model.save_model(side_folder / "model.json")
        with pytest.raises(BundleError, match=f"no binary classifier: objective {objective}"):
            convert_model(tmp_path / "b", long=SideFiles(side_folder))


def test_a_pickle_is_never_opened(tmp_path: Path, side_folder: Path) -> None:
    pickle = side_folder / "model.pkl"
    pickle.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(BundleError, match=r'a model is a \.json or \.ubj file, not "\.pkl"'):
        convert_model(tmp_path / "b", long=SideFiles(pickle))


def test_names_in_the_model_are_taken_or_must_agree(tmp_path: Path) -> None:
    import pandas as pd

    matrix, target = training_data()
    names = ["body", "volume", "rsi", "depth"]
    model = XGBClassifier(n_estimators=2).fit(pd.DataFrame(matrix, columns=names), target)
    file, features = tmp_path / "m.json", tmp_path / "features.txt"
    model.save_model(file)
    bundle = load_bundle(convert_model(tmp_path / "b", long=SideFiles(file)))
    assert bundle.sides[Side.LONG].features == tuple(names)
    features.write_text("body\nrsi\nvolume\ndepth\n")
    with pytest.raises(BundleError, match='input 2 of the model is "volume", the feature list'):
        convert_model(tmp_path / "c", long=SideFiles(file, None, features))


def test_what_is_there_is_not_overwritten(tmp_path: Path, side_folder: Path) -> None:
    out = tmp_path / "b"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="is there already and holds something else"):
        convert_model(out, long=SideFiles(side_folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2 is not known here"),
        ({"extra": 1}, "unknown key extra"),
        ({"sides": {}}, '"sides" must hold LONG, SHORT or both'),
        ({"sides": {"BOTH": {}}}, "side BOTH is unknown"),
        ({"name": ""}, '"name" must be a text'),
    ],
)
def test_manifests_that_are_not_understood_say_why(
    bundle: Path, change: dict[str, Any], message: str
) -> None:
    file = bundle / "bundle.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BundleError, match=f"bundle.json: {message}"):
        read_manifest(bundle)


@pytest.mark.parametrize(
    "name", ["../long.json", "/etc/passwd", "a/b.json", "..", "", None, "a\\b"]
)
def test_a_manifest_cannot_lead_outside_its_folder(bundle: Path, name: str | None) -> None:
    file = bundle / "bundle.json"
    content = json.loads(file.read_text())
    content["sides"]["LONG"]["model"] = name
    file.write_text(json.dumps(content))
    with pytest.raises(BundleError, match="LONG: model must be a file name"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "A" * 64}, "sha256 must be 64 lower-case hex digits"),
        ({"features": []}, "features must be a list of names, at least one"),
        ({"features": ["rsi", " "]}, "features holds ' ', which is no name"),
        ({"training": ["2025-01-01"]}, 'training must be an object with "from" and "until"'),
        ({"training": {"from": 2025}}, "training: from and until are ISO texts"),
        ({"weights": 1}, "unknown key weights"),
    ],
)
def test_a_side_that_is_not_understood_is_named(
    bundle: Path, change: dict[str, Any], message: str
) -> None:
    file = bundle / "bundle.json"
    content = json.loads(file.read_text())
    content["sides"]["LONG"] |= change
    file.write_text(json.dumps(content))
    with pytest.raises(BundleError, match=f"LONG: {message}"):
        read_manifest(bundle)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no bundle manifest: not a JSON object"),
        ('{"format": 1', "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"format": 1, "name": "a", "sides": {"LONG": 1}}', "LONG: must be an object"),
    ],
)
def test_what_is_no_manifest_is_refused(bundle: Path, text: str, message: str) -> None:
    (bundle / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match=message):
        read_manifest(bundle)


def test_a_file_beyond_every_manifests_size_is_not_read(bundle: Path) -> None:
    with (bundle / "bundle.json").open("r+b") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(BundleError, match="larger than 64 MB"):
        read_manifest(bundle)


def test_the_training_window_is_kept_and_does_not_change_what_the_bundle_is(bundle: Path) -> None:
    file = bundle / "bundle.json"
    before = read_manifest(bundle)
    content = json.loads(file.read_text())
    content["sides"]["LONG"]["training"] = {"from": "2025-01-01", "until": "2025-06-01"}
    file.write_text(json.dumps(content))
    after = read_manifest(bundle)
    assert after.as_json() == content
    assert after.hash == before.hash


@needs_real
def test_real_models_make_a_bundle_with_a_feature_that_stands_twice(tmp_path: Path) -> None:
    models = REAL / "models"
    bundle = load_bundle(
        convert_model(
            tmp_path / "enhanced",
            long=SideFiles(models / "long_entry_enhanced_20251024_012445"),
            short=SideFiles(models / "short_entry_enhanced_20251024_012445"),
        )
    )
    long, short = bundle.sides[Side.LONG], bundle.sides[Side.SHORT]
    assert (len(long.features), len(short.features)) == (85, 79)
    assert long.features.count("volume_ma_ratio") == 2
