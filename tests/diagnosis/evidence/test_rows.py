"""Rows by candle open: what is there is found, what is not is NaN."""

import numpy as np

from core.diagnosis.evidence.rows import CandleRows, FeatureRows, locate
from tests.diagnosis.small import opens

ROWS = FeatureRows(opens(3), ("a", "b", "a"), np.arange(9.0).reshape(3, 3))


def _candles(closes: list[float], first: int = 0) -> CandleRows:
    return CandleRows(opens(len(closes), first), np.repeat(np.array(closes)[:, None], 5, axis=1))


def test_places_of_candles_before_between_and_after_those_that_are_there() -> None:
    known = opens(3)[[0, 2]]
    places, found = locate(known, opens(5, first=-1))
    assert found.tolist() == [False, True, False, True, False]
    assert places[found].tolist() == [0, 1]
    assert not locate(known[:0], opens(2))[1].any()


def test_vectors_come_in_the_order_asked_for() -> None:
    matrix, found = ROWS.at(opens(5)[[2, 4, 0]])
    assert found.tolist() == [True, False, True]
    assert matrix[[0, 2]].tolist() == [[6.0, 7.0, 8.0], [0.0, 1.0, 2.0]]
    assert np.isnan(matrix[1]).all()


def test_a_name_that_stands_twice_is_its_first_column() -> None:
    assert (ROWS.column("a"), ROWS.column("b"), ROWS.column("c")) == (0, 1, None)


def test_columns_that_a_layout_lacks_are_told_by_candle() -> None:
    assert not ROWS.absent_at(opens(4)).any()
    absent = np.zeros((3, 3), dtype=bool)
    absent[1, 2] = True
    lacking = FeatureRows(ROWS.opens, ROWS.columns, ROWS.matrix, absent)
    assert lacking.absent_at(opens(4)).tolist() == [
        [False, False, False],
        [False, False, True],
        [False, False, False],
        [False, False, False],
    ]


def test_candles_survive_the_way_to_a_frame_and_back() -> None:
    candles = _candles([1.0, 2.0, 3.0])
    frame = candles.frame()
    assert list(frame.columns) == ["candle_open", "open", "high", "low", "close", "volume"]
    assert str(frame["candle_open"].iloc[1]) == "2026-03-02 00:05:00+00:00"
    again = CandleRows.from_frame(frame)
    assert (again.opens == candles.opens).all()
    assert (again.values == candles.values).all()


def test_candles_are_taken_out_and_replaced_without_touching_the_original() -> None:
    candles = _candles([1.0, 2.0, 3.0])
    assert candles.without(opens(1, first=1)).values[:, 3].tolist() == [1.0, 3.0]
    changed = candles.replaced(_candles([7.0, 8.0], first=2))
    assert changed.values[:, 3].tolist() == [1.0, 2.0, 7.0, 8.0]
    assert (changed.opens == opens(4)).all()
    assert candles.values[:, 3].tolist() == [1.0, 2.0, 3.0]
    values, found = candles.at(opens(2, first=2))
    assert found.tolist() == [True, False]
    assert values[0].tolist() == [3.0] * 5
