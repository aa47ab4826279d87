from dataclasses import replace

import numpy as np
import pytest

from core.arrays import Floats
from core.diagnosis.causes.column_collision import find_collisions
from core.diagnosis.evidence.evidence import Kind
from core.diagnosis.finding import Verdict
from core.diagnosis.lab.world import ColumnEdit
from tests.diagnosis.small_world import (
    FEATURES,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
)

NAMES = ("a", "b", "c")


def _matrix(seed: int = 1, rows: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3))


def _found(mine: np.ndarray, logged: np.ndarray) -> tuple[ColumnEdit, ...]:
    return find_collisions(NAMES, NAMES, mine, NAMES, logged)


def test_equal_rows_have_no_collision() -> None:
    assert _found(_matrix(), _matrix()) == ()


def test_a_dead_feature_is_found_with_its_value() -> None:
    logged = _matrix()
    logged[:, 1] = 0.5
    assert _found(_matrix(), logged) == (ColumnEdit("b", value=0.5),)


def test_an_overwritten_feature_is_found_with_what_overwrote_it() -> None:
    logged = _matrix()
    logged[:, 2] = logged[:, 0]
    assert _found(_matrix(), logged) == (ColumnEdit("c", origin="a"),)


def test_of_three_equal_columns_the_true_one_is_the_origin() -> None:
    logged = _matrix()
    logged[:, 1] = logged[:, 0]
    logged[:, 2] = logged[:, 0]
    assert _found(_matrix(), logged) == (
        ColumnEdit("b", origin="a"),
        ColumnEdit("c", origin="a"),
    )


def test_a_collision_is_seen_although_all_values_differ_a_little() -> None:
    logged = _matrix() * 1.02
    logged[:, 2] = logged[:, 0]
    assert _found(_matrix(), logged) == (ColumnEdit("c", origin="a"),)


def test_a_feature_that_is_constant_on_both_sides_is_no_collision() -> None:
    mine, logged = _matrix(), _matrix()
    mine[:, 1], logged[:, 1] = 1.0, 0.0
    assert _found(mine, logged) == ()


@pytest.mark.parametrize(("rows", "count"), [(7, 0), (8, 1)])
def test_fewer_than_eight_rows_tell_nothing(rows: int, count: int) -> None:
    logged = _matrix(rows=rows)
    logged[:, 1] = 0.0
    assert len(_found(_matrix(rows=rows), logged)) == count


@pytest.mark.parametrize(("equal", "count"), [(38, 1), (37, 0)])
def test_a_copy_is_one_where_nineteen_of_twenty_rows_are_equal(equal: int, count: int) -> None:
    logged = _matrix()
    logged[:equal, 2] = logged[:equal, 0]
    assert len(_found(_matrix(), logged)) == count


@pytest.mark.parametrize(("away", "count"), [(0.9e-9, 1), (1.1e-9, 0)])
def test_a_copy_is_equal_to_nine_digits(away: float, count: int) -> None:
    logged = _matrix()
    logged[:, 2] = logged[:, 0] * (1 + away)
    assert len(_found(_matrix(), logged)) == count


def _logged_with(target: str, values: Floats | float) -> Floats:
    logged = features(candles())
    logged[:, FEATURES.index(target)] = values
    return logged


def test_a_feature_that_another_overwrote_in_the_bot_is_proven() -> None:
    width = features(candles())[:, FEATURES.index("width")]
    found = proven(evidence_of(vectors=_logged_with("step", width)))
    assert found.keys() == {"column_collision"}
    assert found["column_collision"].parameters == {"features": ["step"]}
    assert "In production step carries the values of width" in found["column_collision"].summary


def test_a_dead_feature_is_proven_with_its_value() -> None:
    finding = proven(evidence_of(vectors=_logged_with("volume", 7.0)))["column_collision"]
    assert "In production volume is always 7" in finding.summary


def test_another_model_overwrites_no_column() -> None:
    assert beside("bundle")["column_collision"].verdict is Verdict.REFUTED


def test_a_collision_is_seen_in_logged_features_only() -> None:
    unlogged = replace(evidence_of(), logged=None)
    assert "are not logged" in str(needed("column_collision", unlogged))
    replay = evidence_of(kind=Kind.REPLAY)
    assert "same logged features" in str(needed("column_collision", replay))
    assert needed("column_collision", evidence_of()) is None
