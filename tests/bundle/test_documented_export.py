"""The lines that docs/bundles.md tells a trader to run, run as they stand there."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from xgboost import XGBClassifier

from core.bundle.convert import SideFiles, convert_model
from core.bundle.load import load_bundle
from core.market import Side
from tests.bundle.conftest import FEATURES, training_data

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bundles.md"


@pytest.mark.parametrize(("kind", "is_booster"), [(StandardScaler, False), (MinMaxScaler, True)])
def test_documented_lines_turn_pickles_into_a_bundle(
    tmp_path: Path, kind: type, is_booster: bool
) -> None:
    lines = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(lines) == 1
    matrix, target = training_data()
    scaler = kind().fit(matrix)
    model = XGBClassifier(n_estimators=5).fit(scaler.transform(matrix), target)
    kept = model.get_booster() if is_booster else model
    (tmp_path / "long_model.pkl").write_bytes(pickle.dumps(kept))
    (tmp_path / "long_scaler.pkl").write_bytes(pickle.dumps(scaler))
    (tmp_path / "long_features.txt").write_text("\n".join(FEATURES))
    subprocess.run([sys.executable, "-c", lines[0]], cwd=tmp_path, check=True)
    bundle = load_bundle(convert_model(tmp_path / "b", long=SideFiles(tmp_path / "long")))
    expected = model.predict_proba(scaler.transform(matrix))[:, 1].astype("float64")
    np.testing.assert_array_equal(bundle.sides[Side.LONG].score(matrix), expected)
