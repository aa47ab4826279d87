"""Volume by price over the whole frame: where most of it was traded, and around that."""

import numpy as np

from reference_pipeline.compiled import Bars, Floats, kernel
from reference_pipeline.trailing import distance_pct, flag, ratio
from reference_pipeline.vwap import typical_price

_BINS = 40
_VALUE_SHARE = 0.7  # of all volume, the usual value area


@kernel
def fill_volume_profile(bars: Bars, first: int, out: Floats) -> None:
    """One row of out a candle from `first` on, columns as in features.VOLUME_PROFILE.

    A candle that moves the frame's low or high moves every bin, so the profile
    is then built anew; else the candle only adds to its own bin, which gives
    the same sums in the same order.
    """
    low = bars.low[0]
    high = bars.high[0]
    profile = np.zeros(_BINS)
    for row in range(len(bars.close)):
        is_wider = bars.low[row] < low or bars.high[row] > high
        low = min(low, bars.low[row])
        high = max(high, bars.high[row])
        if row == first or (row > first and is_wider):
            profile[:] = 0.0
            for position in range(row + 1):
                _add_candle(profile, bars, position, low, high)
        elif row > first:
            _add_candle(profile, bars, row, low, high)
        if row >= first:
            _fill_row(profile, low, high, bars.close[row], out[row - first])


@kernel
def _add_candle(profile: Floats, bars: Bars, row: int, low: float, high: float) -> None:
    """All of a candle's volume goes to its typical price."""
    profile[bin_of(typical_price(bars, row), low, high)] += bars.volume[row]


@kernel
def bin_of(price: float, low: float, high: float) -> int:
    """The bin of a price in [low, high]; a price outside, or no range at all, is kept inside."""
    place = ratio(price - low, high - low, 0.0) * _BINS
    if place < 1.0:
        return 0
    if place < _BINS:
        return int(place)
    return _BINS - 1


@kernel
def value_area(profile: Floats, peak: int, traded: float) -> tuple[int, int]:
    """The bins around the peak that hold 70 % of the volume, both included.

    Grows one bin at a time to the side with more volume, upwards where equal.
    """
    bottom = peak
    top = peak
    held = profile[peak]
    while held < _VALUE_SHARE * traded and (bottom > 0 or top < _BINS - 1):
        above = profile[top + 1] if top < _BINS - 1 else -1.0
        below = profile[bottom - 1] if bottom > 0 else -1.0
        if above >= below:
            top += 1
            held += above
        else:
            bottom -= 1
            held += below
    return bottom, top


@kernel
def _fill_row(profile: Floats, low: float, high: float, close: float, values: Floats) -> None:
    traded = 0.0
    for position in range(_BINS):
        traded += profile[position]
    peak = int(np.argmax(profile))
    bottom, top = value_area(profile, peak, traded)
    width = (high - low) / _BINS
    peak_price = low + (peak + 0.5) * width
    value_low = low + bottom * width
    value_high = low + (top + 1) * width
    own = bin_of(close, low, high)
    above = 0.0
    for position in range(own + 1, _BINS):
        above += profile[position]
    values[0] = distance_pct(close, peak_price)
    values[1] = distance_pct(close, value_high)
    values[2] = distance_pct(close, value_low)
    values[3] = ratio(value_high - value_low, close, 0.0) * 100.0
    values[4] = ratio(close - value_low, value_high - value_low, 0.5)
    values[5] = flag(value_low <= close <= value_high)
    values[6] = ratio(above, traded, 0.0)
    values[7] = ratio(profile[own], profile[peak], 0.0)
