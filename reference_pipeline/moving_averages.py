"""Moving averages: how far the close lies from them, and they from one another."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.recursive import ema
from reference_pipeline.trailing import distance_pct, flag, mean


@kernel
def fill_moving_averages(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.MOVING_AVERAGES."""
    close = bars.close
    ema_12 = ema(close, 12)
    ema_26 = ema(close, 26)
    ema_50 = ema(close, 50)
    for row in range(first, len(close)):
        values = out[row - first]
        _fill_simple(close, row, values)
        values[5] = distance_pct(close[row], ema_12[row])
        values[6] = distance_pct(close[row], ema_26[row])
        values[7] = distance_pct(close[row], ema_50[row])
        values[8] = distance_pct(ema_12[row], ema_12[row - 3]) if row >= 3 else np.nan
        values[9] = distance_pct(ema_12[row], ema_50[row])


@kernel
def _fill_simple(close: Floats, row: int, values: Floats) -> None:
    last = close[row]
    sma_10 = mean(close, row, 10)
    sma_20 = mean(close, row, 20)
    sma_50 = mean(close, row, 50)
    values[0] = distance_pct(last, sma_20)
    values[1] = distance_pct(last, sma_50)
    values[2] = distance_pct(sma_10, sma_20)
    values[3] = distance_pct(sma_20, mean(close, row - 5, 20))
    values[4] = flag(last > sma_10) + flag(last > sma_20) + flag(last > sma_50)
