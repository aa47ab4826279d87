"""Candle patterns from the shape of the last candles (three more come from TA-Lib)."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.trailing import distance_pct, flag, ratio

_DOJI_BODY = 0.1  # of the range, at most
_HAMMER_BODY = 0.35
_LONG_SHADOW = 0.55
_SHORT_SHADOW = 0.15
_COUNT = 20


@kernel
def fill_candle_patterns(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.CANDLES."""
    for row in range(first, len(bars.close)):
        values = out[row - first]
        _fill_shape(bars, row, values)
        if row >= 1:
            is_inside = bars.high[row] <= bars.high[row - 1] and bars.low[row] >= bars.low[row - 1]
            values[7] = flag(is_inside)
            values[8] = distance_pct(bars.open[row], bars.close[row - 1])
        if row + 1 >= _COUNT:
            values[9] = streak_bars(bars, row)
            values[10] = falling_ratio(bars, row)


@kernel
def _fill_shape(bars: Bars, row: int, values: Floats) -> None:
    top = max(bars.open[row], bars.close[row])
    bottom = min(bars.open[row], bars.close[row])
    height = bars.high[row] - bars.low[row]
    body = ratio(top - bottom, height, 0.0)
    upper = ratio(bars.high[row] - top, height, 0.0)
    lower = ratio(bottom - bars.low[row], height, 0.0)
    values[0] = body
    values[1] = upper
    values[2] = lower
    values[3] = ratio(height, bars.close[row], 0.0) * 100.0
    values[4] = flag(height > 0.0 and body <= _DOJI_BODY)
    is_hammer = body <= _HAMMER_BODY and lower >= _LONG_SHADOW and upper <= _SHORT_SHADOW
    is_star = body <= _HAMMER_BODY and upper >= _LONG_SHADOW and lower <= _SHORT_SHADOW
    values[5] = flag(is_hammer)
    values[6] = flag(is_star)


@kernel
def streak_bars(bars: Bars, row: int) -> float:
    """Candles of one direction up to this one: rising positive, falling negative, 20 at most."""
    direction: float = np.sign(bars.close[row] - bars.open[row])
    count = 0.0
    if direction == 0.0:
        return count
    for position in range(row, row - _COUNT, -1):
        if np.sign(bars.close[position] - bars.open[position]) != direction:
            break
        count += 1.0
    return direction * count


@kernel
def falling_ratio(bars: Bars, row: int) -> float:
    """The share of the last 20 candles that closed below their open."""
    count = 0.0
    for position in range(row + 1 - _COUNT, row + 1):
        if bars.close[position] < bars.open[position]:
            count += 1.0
    return count / _COUNT
