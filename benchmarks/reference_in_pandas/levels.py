"""VWAP, volume profile, support and resistance in pandas."""

import numpy as np
import pandas as pd

from benchmarks.reference_in_pandas.indicators import pct, ratio, slope, typical_price

BINS = 40


def vwap(window: pd.DataFrame) -> dict[str, float]:
    close, volume, price = window.close, window.volume, typical_price(window)
    traded = volume.cumsum()
    average = ((price * volume).cumsum() / traded).fillna(price)
    last, middle = close.iloc[-1], average.iloc[-1]
    spread = np.sqrt(ratio((volume * (price - middle) ** 2).sum(), traded.iloc[-1]))
    above = (close > average).astype(float)
    eight_hours = (price * volume).rolling(96).sum() / volume.rolling(96).sum()
    return {
        "vwap_96_distance_pct": pct(last, eight_hours.iloc[-1]),
        "vwap_distance_pct": pct(last, middle),
        "vwap_deviations": ratio(last - middle, spread),
        "vwap_change_5_pct": 100 * average.pct_change(5).iloc[-1],
        "vwap_is_below": above.iloc[-1],
        "vwap_cross": above.diff().iloc[-1],
    }


def _value_area(profile: np.ndarray) -> tuple[int, int, int]:
    peak = bottom = top = int(profile.argmax())
    padded = np.concatenate([[-1.0], profile, [-1.0]])
    while profile[bottom : top + 1].sum() < 0.7 * profile.sum() and top - bottom < BINS - 1:
        if padded[top + 2] >= padded[bottom]:
            top += 1
        else:
            bottom -= 1
    return bottom, peak, top


def volume_profile(window: pd.DataFrame) -> dict[str, float]:
    low, high, last = window.low.min(), window.high.max(), window.close.iloc[-1]
    edges = np.linspace(low, high, BINS + 1)

    def bins(prices: np.ndarray) -> np.ndarray:
        places: np.ndarray = ((prices - low) / (high - low) * BINS).astype(int)
        return places.clip(0, BINS - 1)

    profile = np.bincount(
        bins(typical_price(window).to_numpy()), weights=window.volume.to_numpy(), minlength=BINS
    )
    bottom, peak, top = _value_area(profile)
    own = int(bins(np.array([last]))[0])
    value_low, value_high = edges[bottom], edges[top + 1]
    return {
        "profile_peak_distance_pct": pct(last, (edges[peak] + edges[peak + 1]) / 2),
        "profile_value_high_distance_pct": pct(last, value_high),
        "profile_value_low_distance_pct": pct(last, value_low),
        "profile_value_width_pct": 100 * (value_high - value_low) / last,
        "profile_value_position_ratio": (last - value_low) / (value_high - value_low),
        "profile_in_value": float(value_low <= last <= value_high),
        "profile_volume_above_ratio": ratio(profile[own + 1 :].sum(), profile.sum()),
        "profile_close_volume_ratio": ratio(profile[own], profile[peak]),
    }


def _pivots(highs: pd.Series) -> pd.Series:
    is_pivot = pd.Series(True, index=highs.index)
    for step in (1, 2):
        is_pivot &= (highs > highs.shift(step)) & (highs >= highs.shift(-step))
    return highs[is_pivot]


def levels(window: pd.DataFrame) -> dict[str, float]:
    recent = window.iloc[-50:]
    last = recent.close.iloc[-1]
    above = _pivots(recent.high)
    below = -_pivots(-recent.low)
    above, below = above[above >= last], below[below <= last]
    resistance = above.min() if len(above) else recent.high.max()
    support = below.max() if len(below) else recent.low.min()
    return {
        "support_50_distance_pct": pct(last, support),
        "resistance_50_distance_pct": pct(last, resistance),
        "support_50_touches": float(((recent.low - support).abs() <= 0.001 * support).sum()),
        "resistance_50_touches": float(
            ((recent.high - resistance).abs() <= 0.001 * resistance).sum()
        ),
    }


def channel(window: pd.DataFrame) -> dict[str, float]:
    high, low, last = window.high, window.low, window.close.iloc[-1]
    top, bottom = high.rolling(50).max().iloc[-1], low.rolling(50).min().iloc[-1]
    upper, lower = slope(high.iloc[-50:]), slope(low.iloc[-50:])
    highest_10, lowest_10 = high.rolling(10).max(), low.rolling(10).min()
    higher = np.sign(highest_10.diff(10).iloc[-1]), np.sign(lowest_10.diff(10).iloc[-1])
    return {
        "channel_50_position_ratio": ratio(last - bottom, top - bottom, 0.5),
        "bars_since_high_50": float(np.argmax(high.to_numpy()[:-51:-1])),
        "bars_since_low_50": float(np.argmin(low.to_numpy()[:-51:-1])),
        "upper_trendline_slope_pct": 100 * upper / last,
        "lower_trendline_slope_pct": 100 * lower / last,
        "upper_trendline_distance_pct": pct(last, high.rolling(50).mean().iloc[-1] + 24.5 * upper),
        "lower_trendline_distance_pct": pct(last, low.rolling(50).mean().iloc[-1] + 24.5 * lower),
        "breakout_20": float(last > high.shift().rolling(20).max().iloc[-1])
        - float(last < low.shift().rolling(20).min().iloc[-1]),
        "swing_structure": float(higher[0]) if higher[0] == higher[1] else 0.0,
    }
