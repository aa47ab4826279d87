"""Candles as exchanges have them: on a price grid, with ties, flat and untraded ones among them."""

import numpy as np
import pandas as pd

COLUMNS = ("open", "high", "low", "close", "volume")


def random_candles(count: int, *, seed: int, tick: float = 0.1, step: float = 60.0) -> pd.DataFrame:
    """A random walk around 100,000; a coarse tick gives many equal prices.

    Columns timestamp (UTC), open, high, low, close, volume; one candle in ten
    is flat, one in twenty untraded.
    """
    random = np.random.default_rng(seed)
    is_flat = random.random(count) < 0.1
    moves = np.where(is_flat, 0.0, random.normal(0.0, step, count))
    close = 100_000.0 + np.cumsum(moves)
    open_ = close - moves + np.where(is_flat, 0.0, random.normal(0.0, step / 10, count))
    high = np.maximum(open_, close) + np.where(is_flat, 0.0, random.exponential(step, count))
    low = np.minimum(open_, close) - np.where(is_flat, 0.0, random.exponential(step, count))
    volume = np.where(random.random(count) < 0.05, 0.0, random.gamma(2.0, 10.0, count))
    prices = np.round(np.array([open_, high, low, close]) / tick) * tick
    times = pd.date_range("2025-11-01", periods=count, freq="5min", tz="UTC", unit="us")
    return pd.DataFrame(
        {"timestamp": times, **dict(zip(COLUMNS, [*prices, volume.round(4)], strict=True))}
    )
