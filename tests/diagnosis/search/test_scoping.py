import numpy as np
import pytest

from core.diagnosis.search.scoping import best_stretches


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
