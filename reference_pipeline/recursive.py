"""Series that remember every candle since the frame's first one.

They are seeded with the frame's first value, as pandas' ewm(adjust=False) is,
and forget that seed only slowly: another lookback gives another value.
"""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.trailing import ratio


@kernel
def smoothed(values: Floats, weight: float) -> Floats:
    """Each result is (1 − weight) · the one before + weight · value."""
    result = np.empty(len(values))
    keep = 1.0 - weight
    state = values[0]
    result[0] = state
    for position in range(1, len(values)):
        state = keep * state + weight * values[position]
        result[position] = state
    return result


@kernel
def ema(values: Floats, bars: int) -> Floats:
    """The exponential moving average with weight 2 / (bars + 1)."""
    return smoothed(values, 2.0 / (bars + 1.0))


@kernel
def wilder(values: Floats, bars: int) -> Floats:
    """Wilder's smoothing: weight 1 / bars."""
    return smoothed(values, 1.0 / bars)


@kernel
def rsi(close: Floats, bars: int) -> Floats:
    """Wilder's relative strength, 0..100; 50 while the close has not moved at all.

    Gains and losses are smoothed from the frame's second candle on, its first change being the
    seed.
    """
    result = np.empty(len(close))
    result[0] = 50.0
    weight = 1.0 / bars
    keep = 1.0 - weight
    gain = 0.0
    loss = 0.0
    for position in range(1, len(close)):
        change = close[position] - close[position - 1]
        up = max(change, 0.0)
        down = max(-change, 0.0)
        if position == 1:
            gain = up
            loss = down
        else:
            gain = keep * gain + weight * up
            loss = keep * loss + weight * down
        result[position] = ratio(gain, gain + loss, 0.5) * 100.0
    return result


@kernel
def true_range(bars: Bars) -> Floats:
    """The range of each candle, the gap from the close before it included."""
    result = np.empty(len(bars.close))
    result[0] = bars.high[0] - bars.low[0]
    for position in range(1, len(result)):
        before = bars.close[position - 1]
        top = max(bars.high[position], before)
        bottom = min(bars.low[position], before)
        result[position] = top - bottom
    return result


@kernel
def macd_histogram_pct(close: Floats) -> Floats:
    """MACD 12, 26 less its signal line 9, in per cent of the close."""
    line = ema(close, 12) - ema(close, 26)
    result = line - ema(line, 9)
    for position in range(len(result)):
        result[position] = ratio(result[position], close[position], 0.0) * 100.0
    return result


@kernel
def on_balance_volume(bars: Bars) -> Floats:
    """Volume added up since the frame's first candle, with the sign of the close's change."""
    result = np.empty(len(bars.close))
    result[0] = 0.0
    for position in range(1, len(result)):
        direction = np.sign(bars.close[position] - bars.close[position - 1])
        result[position] = result[position - 1] + direction * bars.volume[position]
    return result
