"""Volume: how much, with which price, and added up over the frame."""

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.recursive import ema, on_balance_volume
from reference_pipeline.trailing import (
    correlation,
    deviation,
    distance_pct,
    mean,
    ratio,
    total,
)


@kernel
def fill_volume(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.VOLUME."""
    volume = bars.volume
    ema_20 = ema(volume, 20)
    _fill_sums(bars, first, out)
    for row in range(first, len(volume)):
        values = out[row - first]
        average = mean(volume, row, 20)
        values[0] = ratio(volume[row], average, 0.0)
        values[1] = ratio(volume[row] - average, deviation(volume, row, 20), 0.0)
        values[2] = correlation(volume, bars.close, row, 20)
        _fill_flows(bars, row, values)
        values[5] = ratio(volume[row], ema_20[row], 0.0)


@kernel
def _fill_flows(bars: Bars, row: int, values: Floats) -> None:
    """Chaikin's money flow and the volume of falling candles, as shares of 20 candles' volume."""
    flow = 0.0
    falling = 0.0
    for position in range(max(0, row - 19), row + 1):
        flow += close_location(bars, position) * bars.volume[position]
        if bars.close[position] < bars.open[position]:
            falling += bars.volume[position]
    traded = total(bars.volume, row, 20)
    values[3] = ratio(flow, traded, 0.0)
    values[4] = ratio(falling, traded, 0.0)


@kernel
def _fill_sums(bars: Bars, first: int, out: Floats) -> None:
    """Sums since the frame's first candle, as shares of all the volume since then."""
    balance = on_balance_volume(bars)
    traded = 0.0
    accumulated = 0.0
    trend = 0.0
    for row in range(len(bars.close)):
        traded += bars.volume[row]
        accumulated += close_location(bars, row) * bars.volume[row]
        if row > 0:
            trend += distance_pct(bars.close[row], bars.close[row - 1]) * bars.volume[row]
        if row >= first:
            values = out[row - first]
            values[6] = ratio(balance[row], traded, 0.0)
            values[7] = ratio(accumulated, traded, 0.0)
            values[8] = ratio(trend, traded, 0.0)


@kernel
def close_location(bars: Bars, row: int) -> float:
    """Where the close lies in its candle: −1 at the low, 1 at the high, 0 without a range."""
    low = bars.low[row]
    high = bars.high[row]
    return ratio((bars.close[row] - low) - (high - bars.close[row]), high - low, 0.0)
