"""One small trained classifier for all bundle tests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.write import SideContent, write_bundle
from core.market import Side

FEATURES = ("body", "volume", "rsi", "volume")  # a name that stands twice


def training_data(rows: int = 400, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, len(FEATURES))) * [1.0, 1e4, 30.0, 1e4] + [0, 2e4, 50, 2e4]
    target = (matrix[:, 0] + matrix[:, 2] / 30 + rng.normal(size=rows) > 1.5).astype(int)
    return matrix, target


@pytest.fixture(scope="session")
def scaler() -> StandardScaler:
    return StandardScaler().fit(training_data()[0])


@pytest.fixture(scope="session")
def classifier(scaler: StandardScaler) -> XGBClassifier:
    matrix, target = training_data()
    model = XGBClassifier(n_estimators=20, max_depth=3, random_state=1, n_jobs=1)
    return model.fit(scaler.transform(matrix), target)


@pytest.fixture
def bundle(tmp_path: Path, classifier: XGBClassifier, scaler: StandardScaler) -> Path:
    """A LONG bundle, written without convert's trial in a process of its own."""
    return make_bundle(tmp_path / "bundle", classifier, scaler)


def make_bundle(out: Path, model: Any, scaler: StandardScaler) -> Path:
    raw = bytes(model.get_booster().save_raw("json"))
    numbers = Scaler(ScalerKind.STANDARD, tuple(scaler.mean_), tuple(scaler.scale_))
    return write_bundle(out, "small", {Side.LONG: SideContent(raw, FEATURES, numbers)})


@pytest.fixture
def side_folder(tmp_path: Path, classifier: XGBClassifier, scaler: StandardScaler) -> Path:
    """A folder as a trader writes it: model.json, scaler.json, features.txt."""
    return write_side(tmp_path / "long", classifier, scaler)


def write_side(folder: Path, model: Any, scaler: Any | None) -> Path:
    folder.mkdir(parents=True)
    model.save_model(folder / "model.json")
    if scaler is not None:
        attributes = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(scaler).items()
        }
        text = json.dumps({"type": type(scaler).__name__, **attributes}, default=int)
        (folder / "scaler.json").write_text(text)
    (folder / "features.txt").write_text("\n".join(FEATURES) + "\n")
    return folder
