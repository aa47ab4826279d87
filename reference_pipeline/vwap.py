"""The volume-weighted average price, over the whole frame and over eight hours of 5 m."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.trailing import distance_pct, flag, ratio


@kernel
def fill_vwap(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.VWAP."""
    close = bars.close
    average, spread = frame_vwap(bars)
    for row in range(first, len(close)):
        values = out[row - first]
        values[0] = distance_pct(close[row], trailing_vwap(bars, row, 96))
        values[1] = distance_pct(close[row], average[row])
        values[2] = ratio(close[row] - average[row], spread[row], 0.0)
        values[3] = distance_pct(average[row], average[row - 5]) if row >= 5 else np.nan
        values[4] = flag(close[row] > average[row])
        values[5] = vwap_cross(close, average, row)


@kernel
def frame_vwap(bars: Bars) -> tuple[Floats, Floats]:
    """VWAP since the frame's first candle and the volume-weighted deviation around it.

    West's update of a weighted mean: no large squares that cancel each other.
    Until anything was traded the average is the candle's own typical price.
    """
    average = np.empty(len(bars.close))
    spread = np.empty(len(bars.close))
    traded = 0.0
    middle = 0.0
    squares = 0.0
    for row in range(len(average)):
        price = typical_price(bars, row)
        volume = bars.volume[row]
        traded += volume
        off = price - middle
        middle += off * ratio(volume, traded, 0.0)
        squares += volume * off * (price - middle)
        average[row] = middle if traded > 0.0 else price
        spread[row] = np.sqrt(max(ratio(squares, traded, 0.0), 0.0))
    return average, spread


@kernel
def trailing_vwap(bars: Bars, row: int, count: int) -> float:
    """VWAP of the last `count` candles; the close where nothing was traded."""
    if row + 1 < count:
        return np.nan
    traded = 0.0
    value = 0.0
    for position in range(row + 1 - count, row + 1):
        traded += bars.volume[position]
        value += typical_price(bars, position) * bars.volume[position]
    return ratio(value, traded, bars.close[row])


@kernel
def typical_price(bars: Bars, row: int) -> float:
    price: float = (bars.high[row] + bars.low[row] + bars.close[row]) / 3.0
    return price


@kernel
def vwap_cross(close: Floats, average: Floats, row: int) -> float:
    """1 where the close came from at or below the VWAP to above it, −1 the other way, else 0."""
    if row < 1:
        return np.nan
    return flag(close[row] > average[row]) - flag(close[row - 1] > average[row - 1])
