import numpy as np

from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.lab.patches import (
    added,
    dropped,
    filled,
    finished,
    looks_unfinished,
    missing_opens,
    unfinished_opens,
)

STEP = 300_000_000


def _candles(opens: list[int], close: float = 10.0, volume: float = 5.0) -> CandleRows:
    rows = [[10.0, 12.0, 8.0, close, volume]] * len(opens)
    return CandleRows(np.array(opens, dtype="int64") * STEP, np.array(rows))


def test_candles_missing_in_the_other_source_are_dropped_inside_its_span_only() -> None:
    mine, other = _candles([0, 1, 2, 3, 4]), _candles([1, 3])
    assert (missing_opens(mine, other) == [2 * STEP]).all()
    left = dropped(mine, other)
    assert (left.opens == np.array([0, 1, 3, 4]) * STEP).all()


def test_filled_candles_are_flat_at_the_close_before_without_volume() -> None:
    flat = filled(_candles([0, 1, 2], close=11.0), _candles([0, 2]))
    assert flat.values[1].tolist() == [11.0, 11.0, 11.0, 11.0, 0.0]
    assert flat.values[2].tolist() == [10.0, 12.0, 8.0, 11.0, 5.0]


def test_a_smaller_volume_inside_the_range_at_the_same_open_looks_unfinished() -> None:
    final = np.array([[10.0, 12.0, 8.0, 11.0, 5.0]] * 4)
    early = np.array(
        [
            [10.0, 11.0, 9.0, 9.5, 2.0],
            [10.5, 11.0, 9.0, 9.5, 2.0],  # another open
            [10.0, 13.0, 9.0, 9.5, 2.0],  # beyond the high
            [10.0, 11.0, 9.0, 9.5, 5.0],  # all of the volume
        ]
    )
    assert looks_unfinished(early, final).tolist() == [True, False, False, False]


def test_only_unfinished_rows_are_exchanged_for_finished_ones() -> None:
    mine, other = _candles([0, 1, 2], volume=5.0), _candles([0, 1, 2], volume=9.0)
    values = other.values.copy()
    values[1, 0] = 10.7  # another market, not an early look
    final = finished(mine, CandleRows(other.opens, values))
    assert final.values[:, 4].tolist() == [9.0, 5.0, 9.0]
    assert (unfinished_opens(mine, CandleRows(other.opens, values)) == [0, 2 * STEP]).all()


def test_added_candles_do_not_change_those_that_are_there() -> None:
    mine, other = _candles([0, 2], volume=5.0), _candles([0, 1, 2], volume=9.0)
    both = added(mine, other)
    assert both.values[:, 4].tolist() == [5.0, 9.0, 5.0]
