import numpy as np
import pytest

from core.arrays import Floats
from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.finding import Finding, Verdict
from tests.diagnosis.causes.ten_features import NAMES, make_matrix, make_ten, score_ten
from tests.diagnosis.small_world import (
    LONG,
    SHORT,
    beside,
    candles,
    evidence_of,
    features,
    fitted_scaler,
    make_bundle,
    needed,
    proven,
    replay_of,
)


def _kept(matrix: Floats, kept: Floats) -> dict[str, Finding]:
    """What is proven where the model got the values as kept."""
    ten = make_ten(matrix)
    return proven(replay_of(score_ten(kept, ten), matrix, ten, NAMES))


@pytest.mark.parametrize("decimals", [0, 2, 8])
def test_the_decimals_that_are_left_are_counted(decimals: int) -> None:
    matrix = make_matrix(size=30 * 10.0**-decimals)
    found = _kept(matrix, np.round(matrix, decimals))
    assert found["precision"].parameters == {"decimals": decimals}
    assert f"Production's features are rounded to {decimals} dec" in found["precision"].summary


def test_nine_decimals_are_more_than_any_print_has() -> None:
    matrix = make_matrix(size=3e-8)
    assert "precision" not in _kept(matrix, np.round(matrix, 9))


def test_features_in_float32_are_told_as_such() -> None:
    matrix = make_matrix(centre=1e6)
    finding = _kept(matrix, matrix.astype("float32").astype("float64"))["precision"]
    assert finding.parameters == {"dtype": "float32"}
    assert "Production's features are kept as float32" in finding.summary


@pytest.mark.parametrize(("decimals", "is_told"), [(0, True), (3, True), (4, False)])
def test_rounded_candles_are_told_apart_from_rounded_features(decimals: int, is_told: bool) -> None:
    rows = candles()
    ticks = np.random.default_rng(2).integers(0, 1000, rows.values.shape)
    fine = CandleRows(rows.opens, (rows.values + ticks / 1000) / 10**decimals)
    kept = CandleRows(rows.opens, np.round(fine.values, decimals))
    bundle = make_bundle("fine", (LONG, SHORT), fitted_scaler(features(fine)))
    evidence = evidence_of(rows=fine, vectors=features(kept), bundle=bundle)
    finding = proven(evidence).get("precision")
    assert (finding is not None) == is_told
    if finding is not None:
        assert finding.parameters == {"decimals": decimals, "values": "candles"}


def test_other_code_is_no_rounding() -> None:
    assert beside("pipeline")["precision"].verdict is Verdict.REFUTED
    assert "list the models" in str(needed("precision", evidence_of(bundles=())))
