"""Support and resistance: pivots, channels, trendlines, breakouts."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.trailing import (
    distance_pct,
    flag,
    highest,
    lowest,
    mean,
    position_of_highest,
    position_of_lowest,
    ratio,
    slope,
)

_COUNT = 50
_WINGS = 2  # candles either side that confirm a pivot; the newest of them is the row's own
_TOUCH_RATIO = 0.001  # of the level


@kernel
def fill_support_resistance(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.SUPPORT_RESISTANCE."""
    for row in range(first, len(bars.close)):
        values = out[row - first]
        if row + 1 >= _COUNT:
            _fill_levels(bars, row, values)
            _fill_channel(bars, row, values)
        values[11] = breakout(bars, row, 20)
        values[12] = swing_structure(bars, row, 10)


@kernel
def _fill_levels(bars: Bars, row: int, values: Floats) -> None:
    close = bars.close[row]
    support = -nearest_pivot(-bars.low[row + 1 - _COUNT : row + 1], -close)
    resistance = nearest_pivot(bars.high[row + 1 - _COUNT : row + 1], close)
    values[0] = distance_pct(close, support)
    values[1] = distance_pct(close, resistance)
    values[2] = touches(bars.low, row, support)
    values[3] = touches(bars.high, row, resistance)


@kernel
def nearest_pivot(highs: Floats, close: float) -> float:
    """The lowest pivot high at or above the close, else the highest of all highs.

    A pivot is higher than two candles before and not lower than two after.
    Support is the same of the mirrored lows.
    """
    best = np.inf
    for row in range(_WINGS, len(highs) - _WINGS):
        if close <= highs[row] < best and _is_pivot(highs, row):
            best = highs[row]
    if best == np.inf:
        return np.max(highs)
    return best


@kernel
def _is_pivot(highs: Floats, row: int) -> bool:
    for step in range(1, _WINGS + 1):
        if highs[row - step] >= highs[row] or highs[row + step] > highs[row]:
            return False
    return True


@kernel
def touches(values: Floats, row: int, level: float) -> float:
    """How many of the last 50 values lie within 0.1 % of a level."""
    count = 0.0
    for position in range(row + 1 - _COUNT, row + 1):
        if abs(values[position] - level) <= _TOUCH_RATIO * abs(level):
            count += 1.0
    return count


@kernel
def _fill_channel(bars: Bars, row: int, values: Floats) -> None:
    close = bars.close[row]
    start = row + 1 - _COUNT
    top = highest(bars.high, row, _COUNT)
    bottom = lowest(bars.low, row, _COUNT)
    values[4] = ratio(close - bottom, top - bottom, 0.5)
    values[5] = row - position_of_highest(bars.high, start, row + 1)
    values[6] = row - position_of_lowest(bars.low, start, row + 1)
    upper_slope = slope(bars.high, row, _COUNT)
    lower_slope = slope(bars.low, row, _COUNT)
    half = (_COUNT - 1) / 2.0
    values[7] = ratio(upper_slope, close, 0.0) * 100.0
    values[8] = ratio(lower_slope, close, 0.0) * 100.0
    values[9] = distance_pct(close, mean(bars.high, row, _COUNT) + upper_slope * half)
    values[10] = distance_pct(close, mean(bars.low, row, _COUNT) + lower_slope * half)


@kernel
def breakout(bars: Bars, row: int, count: int) -> float:
    """1 where the close tops the highs of the `count` candles before, −1 below their lows."""
    if row < count:
        return np.nan
    is_above = bars.close[row] > highest(bars.high, row - 1, count)
    is_below = bars.close[row] < lowest(bars.low, row - 1, count)
    return flag(is_above) - flag(is_below)


@kernel
def swing_structure(bars: Bars, row: int, count: int) -> float:
    """1: higher high and higher low than the `count` candles before these; −1: both lower."""
    if row + 1 < 2 * count:
        return np.nan
    high = highest(bars.high, row, count)
    low = lowest(bars.low, row, count)
    high_before = highest(bars.high, row - count, count)
    low_before = lowest(bars.low, row - count, count)
    is_rising = high > high_before and low > low_before
    is_falling = high < high_before and low < low_before
    return flag(is_rising) - flag(is_falling)
