"""Candle patterns, divergences and what TA-Lib computes, in pandas."""

import numpy as np
import pandas as pd

from benchmarks.reference_in_pandas.indicators import ema, pct, ratio, rsi


def candles(window: pd.DataFrame) -> dict[str, float]:
    open_, high, low, close = (window[name].iloc[-1] for name in ("open", "high", "low", "close"))
    height = high - low
    body = ratio(abs(close - open_), height)
    upper = ratio(high - max(open_, close), height)
    lower = ratio(min(open_, close) - low, height)
    before = window.iloc[-2]
    direction = pd.Series(np.sign(window.close - window.open)).iloc[-20:]
    changed = (direction != direction.shift()).cumsum()
    run = float((changed == changed.iloc[-1]).sum())
    return {
        "body_ratio": body,
        "upper_shadow_ratio": upper,
        "lower_shadow_ratio": lower,
        "range_pct": 100 * height / close,
        "doji": float(height > 0 and body <= 0.1),
        "hammer": float(body <= 0.35 and lower >= 0.55 and upper <= 0.15),
        "shooting_star": float(body <= 0.35 and upper >= 0.55 and lower <= 0.15),
        "inside_bar": float(high <= before.high and low >= before.low),
        "gap_pct": pct(open_, before.close),
        "streak_bars": float(direction.iloc[-1]) * run,
        "falling_20_ratio": float((direction < 0).rolling(20).mean().iloc[-1]),
    }


def _bullish(low: pd.Series, oscillator: pd.Series) -> float:
    """Positions from the end, so that argmin takes the newest of equal lows."""
    recent, earlier = low.to_numpy()[:-11:-1], low.to_numpy()[-11:-31:-1]
    if recent.min() >= earlier.min():
        return 0.0
    values = oscillator.to_numpy()[::-1]
    return max(float(values[recent.argmin()] - values[10 + earlier.argmin()]), 0.0)


def divergences(window: pd.DataFrame) -> dict[str, float]:
    close, low, high = window.close, window.low, window.high
    rsi_14 = rsi(close, 14)
    macd = ema(close, 12) - ema(close, 26)
    histogram = 100 * (macd - ema(macd, 9)) / close
    balance = (np.sign(close.diff().fillna(0.0)) * window.volume).cumsum()
    return {
        "rsi_bullish_divergence": _bullish(low, rsi_14),
        "rsi_bearish_divergence": _bullish(-high, -rsi_14),
        "macd_bullish_divergence_pct": _bullish(low, histogram),
        "macd_bearish_divergence_pct": _bullish(-high, -histogram),
        "volume_bullish_divergence": float(_bullish(low, balance) > 0),
        "volume_bearish_divergence": float(_bullish(-high, -balance) > 0),
        "close_rsi_correlation_20": close.rolling(20).corr(rsi_14).iloc[-1],
    }


def patterns(window: pd.DataFrame) -> dict[str, float]:
    high, low, close, open_ = window.high, window.low, window.close, window.open
    top, bottom = high.rolling(50).max().iloc[-1], low.rolling(50).min().iloc[-1]
    highs, lows = high.to_numpy()[:-27:-1], low.to_numpy()[:-27:-1]
    height = high.iloc[-1] - low.iloc[-1]
    top_100, bottom_100 = high.rolling(100).max().iloc[-1], low.rolling(100).min().iloc[-1]
    return {
        "williams_r_50": -100 * ratio(top - close.iloc[-1], top - bottom),
        "aroon_oscillator_25": 4.0 * float(np.argmin(lows) - np.argmax(highs)),
        "balance_of_power": ratio(close.iloc[-1] - open_.iloc[-1], height),
        "engulfing": _engulfing(open_, close).iloc[-1],
        "midprice_100_distance_pct": pct(close.iloc[-1], (top_100 + bottom_100) / 2),
        "hikkake": _hikkake(high, low, close),
    }


def _engulfing(open_: pd.Series, close: pd.Series) -> pd.Series:
    """±1 where a body covers the opposite body before it wholly, ±0.8 where one end is equal."""
    colour = np.where(close >= open_, 1, -1)
    top, bottom = open_.where(open_ >= close, close), open_.where(open_ <= close, close)
    is_turn = colour != pd.Series(colour, index=close.index).shift()
    covers = (top >= top.shift()) & (bottom <= bottom.shift())
    is_equal = (top == top.shift()) | (bottom == bottom.shift())
    is_same = (top == top.shift()) & (bottom == bottom.shift())
    size = np.where(is_equal, 0.8, 1.0)
    return pd.Series(np.where(is_turn & covers & ~is_same, colour * size, 0.0), index=close.index)


def _hikkake(high: pd.Series, low: pd.Series, close: pd.Series) -> float:
    """An inside bar left to one side: ±1 as it happens, ±2 where a later close confirms."""
    highs, lows, closes = (values.to_numpy()[-7:] for values in (high, low, close))
    direction, at = 0.0, 0
    result = 0.0
    for row in range(2, 7):
        result = 0.0
        is_inside = highs[row - 1] < highs[row - 2] and lows[row - 1] > lows[row - 2]
        if is_inside and highs[row] < highs[row - 1] and lows[row] < lows[row - 1]:
            direction, at, result = 1.0, row, 1.0
        elif is_inside and highs[row] > highs[row - 1] and lows[row] > lows[row - 1]:
            direction, at, result = -1.0, row, -1.0
        elif direction and row <= at + 3:
            edge = closes[row] - (highs[at - 1] if direction > 0 else lows[at - 1])
            if edge * direction > 0:
                result, direction = 2.0 * direction, 0.0
    return result
