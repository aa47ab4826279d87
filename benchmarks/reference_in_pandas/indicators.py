"""What several families of the pandas side share."""

import numpy as np
import pandas as pd


def ratio(top: float, bottom: float, neutral: float = 0.0) -> float:
    return float(top / bottom) if bottom else neutral


def pct(value: float, base: float) -> float:
    return 100.0 * ratio(value - base, base)


def wilder(values: pd.Series, bars: int) -> pd.Series:
    return values.ewm(alpha=1 / bars, adjust=False).mean()


def ema(values: pd.Series, bars: int) -> pd.Series:
    return values.ewm(span=bars, adjust=False).mean()


def rsi(close: pd.Series, bars: int) -> pd.Series:
    change = close.diff()
    gain = wilder(change.clip(lower=0), bars)
    loss = wilder(-change.clip(upper=0), bars)
    return (100 * gain / (gain + loss)).fillna(50.0)


def true_range(window: pd.DataFrame) -> pd.Series:
    before = window.close.shift()
    parts = [
        window.high - window.low,
        (window.high - before).abs(),
        (window.low - before).abs(),
    ]
    return pd.concat(parts, axis=1).max(axis=1)


def typical_price(window: pd.DataFrame) -> pd.Series:
    return (window.high + window.low + window.close) / 3


def slope(values: pd.Series) -> float:
    return float(np.polyfit(np.arange(len(values)), values.to_numpy(), 1)[0])
