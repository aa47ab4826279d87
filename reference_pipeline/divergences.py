"""Divergences: price and an oscillator that no longer agree about the last extreme."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.recursive import macd_histogram_pct, on_balance_volume, rsi
from reference_pipeline.trailing import correlation, position_of_highest, position_of_lowest

_RECENT = 10
_EARLIER = 20


@kernel
def fill_divergences(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.DIVERGENCES."""
    rsi_14 = rsi(bars.close, 14)
    histogram = macd_histogram_pct(bars.close)
    balance = on_balance_volume(bars)
    for row in range(first, len(bars.close)):
        if row + 1 < _RECENT + _EARLIER:
            continue
        values = out[row - first]
        values[0] = bullish_divergence(bars.low, rsi_14, row)
        values[1] = bearish_divergence(bars.high, rsi_14, row)
        values[2] = bullish_divergence(bars.low, histogram, row)
        values[3] = bearish_divergence(bars.high, histogram, row)
        values[4] = np.sign(bullish_divergence(bars.low, balance, row))
        values[5] = np.sign(bearish_divergence(bars.high, balance, row))
        values[6] = correlation(bars.close, rsi_14, row, 20)


@kernel
def bullish_divergence(low: Floats, oscillator: Floats, row: int) -> float:
    """By how much the oscillator lies higher at a lower low; 0 without a divergence.

    The lowest low of the last 10 candles against the lowest of the 20 before
    them; of equal lows the newest.
    """
    start = row + 1 - _RECENT
    recent = position_of_lowest(low, start, row + 1)
    earlier = position_of_lowest(low, start - _EARLIER, start)
    if low[recent] < low[earlier]:
        rise: float = max(oscillator[recent] - oscillator[earlier], 0.0)
        return rise
    return 0.0


@kernel
def bearish_divergence(high: Floats, oscillator: Floats, row: int) -> float:
    """By how much the oscillator lies lower at a higher high; 0 without a divergence."""
    start = row + 1 - _RECENT
    recent = position_of_highest(high, start, row + 1)
    earlier = position_of_highest(high, start - _EARLIER, start)
    if high[recent] > high[earlier]:
        fall: float = max(oscillator[earlier] - oscillator[recent], 0.0)
        return fall
    return 0.0
