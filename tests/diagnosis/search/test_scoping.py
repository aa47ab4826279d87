import numpy as np
import pytest

from core.diagnosis.search.scoping import best_stretches, with_scope
from tests.diagnosis.small import FIRST, STEP, compare, search_of, undo


@pytest.mark.parametrize(("candles", "found"), [(5, []), (6, [(3, 8)])])
def test_a_stretch_of_fewer_than_six_candles_is_none(
    candles: int, found: list[tuple[int, int]]
) -> None:
    assert best_stretches(np.array([-1.0] * 3 + [1.0] * candles + [-1.0] * 3)) == found


@pytest.mark.parametrize(("gain", "count"), [(0.09, 1), (0.11, 2)])
def test_a_further_stretch_gains_a_tenth_of_the_first(gain: float, count: int) -> None:
    gains = np.array([1.0] * 10 + [-20.0] + [gain] * 10)
    assert len(best_stretches(gains)) == count


def test_at_most_twelve_stretches_are_told() -> None:
    assert len(best_stretches(np.array(([1.0] * 6 + [-20.0]) * 13))) == 12


@pytest.mark.parametrize(("worse", "is_scoped"), [(0.039, False), (0.041, True)])
def test_a_change_is_scoped_where_the_whole_window_gains_a_tenth_less(
    worse: float, is_scoped: bool
) -> None:
    """It removes 0.4 from each candle of the morning and adds `worse` to each later one."""
    morning = np.arange(288) < 144
    other, tried = np.where(morning, 0.1, 0.5), np.where(morning, 0.5, 0.5 - worse)
    search = search_of(compare(np.full(288, 0.5), other, {1: tried}))
    ranges = with_scope(search, undo("lookback", 1)).scope.ranges
    last_searched = FIRST + 131 * STEP  # block 11, to noon, is held out
    assert ranges == (((FIRST, last_searched),) if is_scoped else ())
