"""The reference features as one writes them in pandas: rolling, ewm, shift, and the last row.

The other side of the reference benchmark and of the tests that hold the
kernels to their formulas; it shares no code with them. Pandas' running sums
round differently from sums over a fresh window.
"""

import pandas as pd

from benchmarks.reference_in_pandas.levels import channel, levels, volume_profile, vwap
from benchmarks.reference_in_pandas.shapes import candles, divergences, patterns
from benchmarks.reference_in_pandas.trends import (
    directional,
    long_range,
    momentum,
    moving_averages,
    volatility,
    volume,
)


def features_in_pandas(window: pd.DataFrame) -> dict[str, float]:
    """Every feature of the window's last candle; the window has at least 201 finite candles."""
    return {
        **momentum(window),
        **directional(window),
        **moving_averages(window),
        **volatility(window),
        **long_range(window),
        **volume(window),
        **vwap(window),
        **volume_profile(window),
        **levels(window),
        **channel(window),
        **candles(window),
        **divergences(window),
        **patterns(window),
    }
