"""Features over 200 candles: the slow side of what the other families measure."""

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.recursive import ema, rsi, true_range, wilder
from reference_pipeline.trailing import change_pct, distance_pct, highest, lowest, mean, ratio
from reference_pipeline.volatility import band_position, band_width_pct


@kernel
def fill_long_range(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.LONG_RANGE."""
    close = bars.close
    ranges = true_range(bars)
    atr_14 = wilder(ranges, 14)
    atr_200 = wilder(ranges, 200)
    ema_200 = ema(close, 200)
    rsi_200 = rsi(close, 200)
    for row in range(first, len(close)):
        values = out[row - first]
        _fill_trailing(bars, row, values)
        values[8] = distance_pct(close[row], ema_200[row])
        values[9] = rsi_200[row]
        values[10] = ratio(atr_200[row], close[row], 0.0) * 100.0
        values[11] = ratio(atr_14[row], atr_200[row], 0.0)


@kernel
def _fill_trailing(bars: Bars, row: int, values: Floats) -> None:
    close = bars.close
    sma_200 = mean(close, row, 200)
    values[0] = distance_pct(close[row], sma_200)
    values[1] = distance_pct(mean(close, row, 50), sma_200)
    values[2] = band_width_pct(close, row, 200)
    values[3] = band_position(close, row, 200)
    values[4] = distance_pct(close[row], highest(bars.high, row, 200))
    values[5] = distance_pct(close[row], lowest(bars.low, row, 200))
    values[6] = ratio(bars.volume[row], mean(bars.volume, row, 200), 0.0)
    values[7] = change_pct(close, row, 200)
