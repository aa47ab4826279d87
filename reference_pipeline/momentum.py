"""Momentum: changes, RSI, MACD, directional movement, stochastic, CCI, money flow."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.recursive import ema, rsi, true_range, wilder
from reference_pipeline.trailing import change_pct, highest, lowest, mean, ratio, slope


@kernel
def fill_momentum(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.MOMENTUM."""
    close = bars.close
    _fill_oscillators(close, first, out)
    _fill_directional(bars, first, out)
    typical = (bars.high + bars.low + close) / 3.0
    for row in range(first, len(close)):
        values = out[row - first]
        values[0] = change_pct(close, row, 1)
        values[1] = change_pct(close, row, 3)
        values[2] = change_pct(close, row, 6)
        values[3] = change_pct(close, row, 12)
        values[4] = change_pct(close, row, 48)
        values[14] = stochastic_k(bars, row, 14)
        values[15] = stochastic_d(bars, row, 14)
        values[16] = commodity_channel(typical, row, 20)
        values[17] = money_flow(typical, bars.volume, row, 14)
        values[18] = ratio(slope(close, row, 20), close[row], 0.0) * 100.0


@kernel
def _fill_oscillators(close: Floats, first: int, out: Floats) -> None:
    rsi_7 = rsi(close, 7)
    rsi_14 = rsi(close, 14)
    macd = ema(close, 12) - ema(close, 26)
    signal = ema(macd, 9)
    for row in range(first, len(close)):
        values = out[row - first]
        values[5] = rsi_7[row]
        values[6] = rsi_14[row]
        values[7] = rsi_14[row] - rsi_14[row - 3] if row >= 3 else np.nan
        values[8] = ratio(macd[row], close[row], 0.0) * 100.0
        values[9] = ratio(signal[row], close[row], 0.0) * 100.0
        values[10] = ratio(macd[row] - signal[row], close[row], 0.0) * 100.0


@kernel
def _fill_directional(bars: Bars, first: int, out: Floats) -> None:
    """Wilder's directional movement over 14 candles, smoothed from the frame's first candle on."""
    rising = np.zeros(len(bars.close))
    falling = np.zeros(len(bars.close))
    for row in range(1, len(rising)):
        up = bars.high[row] - bars.high[row - 1]
        down = bars.low[row - 1] - bars.low[row]
        if up > down and up > 0.0:
            rising[row] = up
        elif down > up and down > 0.0:
            falling[row] = down
    ranges = wilder(true_range(bars), 14)
    plus = wilder(rising, 14)
    minus = wilder(falling, 14)
    index = np.empty(len(rising))
    for row in range(len(rising)):
        plus[row] = ratio(plus[row], ranges[row], 0.0) * 100.0
        minus[row] = ratio(minus[row], ranges[row], 0.0) * 100.0
        index[row] = ratio(abs(plus[row] - minus[row]), plus[row] + minus[row], 0.0) * 100.0
    average = wilder(index, 14)
    for row in range(first, len(rising)):
        values = out[row - first]
        values[11] = plus[row]
        values[12] = minus[row]
        values[13] = average[row]


@kernel
def stochastic_k(bars: Bars, row: int, count: int) -> float:
    """Where the close lies between the lowest low (0) and the highest high (100)."""
    bottom = lowest(bars.low, row, count)
    top = highest(bars.high, row, count)
    return ratio(bars.close[row] - bottom, top - bottom, 0.5) * 100.0


@kernel
def stochastic_d(bars: Bars, row: int, count: int) -> float:
    """The mean of the last three stochastics."""
    if row + 1 < count + 2:
        return np.nan
    result = 0.0
    for back in range(2, -1, -1):
        result += stochastic_k(bars, row - back, count)
    return result / 3.0


@kernel
def commodity_channel(typical: Floats, row: int, count: int) -> float:
    """(typical price − its mean) / (0.015 · mean absolute deviation)."""
    if row + 1 < count:
        return np.nan
    middle = mean(typical, row, count)
    spread = 0.0
    for position in range(row + 1 - count, row + 1):
        spread += abs(typical[position] - middle)
    return ratio(typical[row] - middle, 0.015 * spread / count, 0.0)


@kernel
def money_flow(typical: Floats, volume: Floats, row: int, count: int) -> float:
    """The share of traded value in candles whose typical price rose, 0..100; 50 without any."""
    if row < count:
        return np.nan
    rising = 0.0
    falling = 0.0
    for position in range(row + 1 - count, row + 1):
        value = typical[position] * volume[position]
        if typical[position] > typical[position - 1]:
            rising += value
        elif typical[position] < typical[position - 1]:
            falling += value
    return ratio(rising, rising + falling, 0.5) * 100.0
