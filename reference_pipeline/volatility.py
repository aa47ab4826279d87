"""Volatility: true ranges, deviations of the close's changes, bands."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.recursive import ema, smoothed, true_range, wilder
from reference_pipeline.trailing import deviation, distance_pct, mean, ratio

_RISKMETRICS_WEIGHT = 0.06  # 1 − λ of RiskMetrics' daily deviation


@kernel
def fill_volatility(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.VOLATILITY."""
    close = bars.close
    changes = close_changes_pct(close)
    ranges = true_range(bars)
    atr_10 = wilder(ranges, 10)
    atr_14 = wilder(ranges, 14)
    squares = smoothed(changes * changes, _RISKMETRICS_WEIGHT)
    ema_20 = ema(close, 20)
    for row in range(first, len(close)):
        values = out[row - first]
        values[0] = atr_14[row]
        values[1] = ratio(atr_14[row], close[row], 0.0) * 100.0
        values[2] = np.sqrt(squares[row])
        values[3] = ratio(close[row] - ema_20[row], atr_10[row], 0.0)
        _fill_deviations(changes, row, values)
        values[9] = band_width_pct(close, row, 20)
        values[10] = band_position(close, row, 20)
        values[11] = mean_range_pct(bars, row, 14)


@kernel
def close_changes_pct(close: Floats) -> Floats:
    """The change of each close since the one before, in per cent; 0 for the frame's first."""
    result = np.empty(len(close))
    result[0] = 0.0
    for row in range(1, len(close)):
        result[row] = distance_pct(close[row], close[row - 1])
    return result


@kernel
def _fill_deviations(changes: Floats, row: int, values: Floats) -> None:
    short = deviation(changes, row, 5)
    long = deviation(changes, row, 20)
    values[4] = short
    values[5] = long
    values[6] = ratio(short, long, 0.0)
    falling = 0.0
    rising = 0.0
    for position in range(max(0, row - 19), row + 1):
        square = changes[position] * changes[position]
        if changes[position] < 0.0:
            falling += square
        else:
            rising += square
    values[7] = np.sqrt(falling / 20.0)
    values[8] = np.sqrt(rising / 20.0)


@kernel
def band_width_pct(close: Floats, row: int, count: int) -> float:
    """Bollinger's band of two deviations either side, in per cent of its middle."""
    return ratio(4.0 * deviation(close, row, count), mean(close, row, count), 0.0) * 100.0


@kernel
def band_position(close: Floats, row: int, count: int) -> float:
    """Where the close lies in Bollinger's band: 0 at its lower edge, 1 at its upper one."""
    width = 4.0 * deviation(close, row, count)
    lower = mean(close, row, count) - width / 2.0
    return ratio(close[row] - lower, width, 0.5)


@kernel
def mean_range_pct(bars: Bars, row: int, count: int) -> float:
    """The mean of (high − low) / close, in per cent."""
    if row + 1 < count:
        return np.nan
    result = 0.0
    for position in range(row + 1 - count, row + 1):
        result += ratio(bars.high[position] - bars.low[position], bars.close[position], 0.0)
    return result / count * 100.0
