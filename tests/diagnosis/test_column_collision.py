import numpy as np
import pytest

from core.diagnosis.causes.column_collision import find_collisions
from core.diagnosis.lab.world import ColumnEdit

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
