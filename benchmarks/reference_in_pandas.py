"""The reference features as one writes them in pandas: rolling, ewm, shift, and the last row.

The other side of the reference benchmark and of the tests that hold the
kernels to their formulas; it shares no code with them. Pandas' running sums
round differently from sums over a fresh window.
"""

import numpy as np
import pandas as pd

BINS = 40


def features_in_pandas(window: pd.DataFrame) -> dict[str, float]:
    """Every feature of the window's last candle; the window has at least 201 finite candles."""
    return {
        **_momentum(window),
        **_directional(window),
        **_moving_averages(window),
        **_volatility(window),
        **_long_range(window),
        **_volume(window),
        **_vwap(window),
        **_volume_profile(window),
        **_levels(window),
        **_channel(window),
        **_candles(window),
        **_divergences(window),
        **_patterns(window),
    }


def _ratio(top: float, bottom: float, neutral: float = 0.0) -> float:
    return float(top / bottom) if bottom else neutral


def _pct(value: float, base: float) -> float:
    return 100.0 * _ratio(value - base, base)


def _wilder(values: pd.Series, bars: int) -> pd.Series:
    return values.ewm(alpha=1 / bars, adjust=False).mean()


def _ema(values: pd.Series, bars: int) -> pd.Series:
    return values.ewm(span=bars, adjust=False).mean()


def _rsi(close: pd.Series, bars: int) -> pd.Series:
    change = close.diff()
    gain = _wilder(change.clip(lower=0), bars)
    loss = _wilder(-change.clip(upper=0), bars)
    return (100 * gain / (gain + loss)).fillna(50.0)


def _true_range(window: pd.DataFrame) -> pd.Series:
    before = window.close.shift()
    parts = [
        window.high - window.low,
        (window.high - before).abs(),
        (window.low - before).abs(),
    ]
    return pd.concat(parts, axis=1).max(axis=1)


def _typical(window: pd.DataFrame) -> pd.Series:
    return (window.high + window.low + window.close) / 3


def _stochastic(window: pd.DataFrame) -> pd.Series:
    bottom = window.low.rolling(14).min()
    top = window.high.rolling(14).max()
    return (100 * (window.close - bottom) / (top - bottom)).fillna(50.0)


def _slope(values: pd.Series) -> float:
    return float(np.polyfit(np.arange(len(values)), values.to_numpy(), 1)[0])


def _momentum(window: pd.DataFrame) -> dict[str, float]:
    close, typical = window.close, _typical(window)
    last = close.iloc[-1]
    rsi_14 = _rsi(close, 14)
    macd = _ema(close, 12) - _ema(close, 26)
    signal = _ema(macd, 9)
    stochastic = _stochastic(window)
    middle = typical.rolling(20).mean().iloc[-1]
    spread = (typical.iloc[-20:] - middle).abs().mean()
    flow, turn = typical * window.volume, typical.diff()
    rising = flow.where(turn > 0, 0.0).rolling(14).sum().iloc[-1]
    falling = flow.where(turn < 0, 0.0).rolling(14).sum().iloc[-1]
    changes = {
        f"change_{bars}_pct": 100 * close.pct_change(bars).iloc[-1] for bars in (1, 3, 6, 12, 48)
    }
    return changes | {
        "rsi_7": _rsi(close, 7).iloc[-1],
        "rsi_14": rsi_14.iloc[-1],
        "rsi_14_change_3": rsi_14.diff(3).iloc[-1],
        "macd_pct": 100 * macd.iloc[-1] / last,
        "macd_signal_pct": 100 * signal.iloc[-1] / last,
        "macd_histogram_pct": 100 * (macd - signal).iloc[-1] / last,
        "stochastic_k_14": stochastic.iloc[-1],
        "stochastic_d_3": stochastic.rolling(3).mean().iloc[-1],
        "cci_20": _ratio(typical.iloc[-1] - middle, 0.015 * spread),
        "money_flow_14": 100 * _ratio(rising, rising + falling, 0.5),
        "slope_20_pct": 100 * _slope(close.iloc[-20:]) / last,
    }


def _directional(window: pd.DataFrame) -> dict[str, float]:
    up = window.high.diff().fillna(0.0)
    down = -window.low.diff().fillna(0.0)
    ranges = _wilder(_true_range(window), 14)
    plus = (100 * _wilder(up.where((up > down) & (up > 0), 0.0), 14) / ranges).fillna(0.0)
    minus = (100 * _wilder(down.where((down > up) & (down > 0), 0.0), 14) / ranges).fillna(0.0)
    index = (100 * (plus - minus).abs() / (plus + minus)).fillna(0.0)
    return {
        "plus_di_14": plus.iloc[-1],
        "minus_di_14": minus.iloc[-1],
        "adx_14": _wilder(index, 14).iloc[-1],
    }


def _moving_averages(window: pd.DataFrame) -> dict[str, float]:
    close = window.close
    last = close.iloc[-1]
    sma = {bars: close.rolling(bars).mean() for bars in (10, 20, 50)}
    ema = {bars: _ema(close, bars) for bars in (12, 26, 50)}
    return {
        "sma_20_distance_pct": _pct(last, sma[20].iloc[-1]),
        "sma_50_distance_pct": _pct(last, sma[50].iloc[-1]),
        "sma_10_20_spread_pct": _pct(sma[10].iloc[-1], sma[20].iloc[-1]),
        "sma_20_slope_pct": 100 * sma[20].pct_change(5).iloc[-1],
        "above_sma_count": float(sum(last > average.iloc[-1] for average in sma.values())),
        "ema_12_distance_pct": _pct(last, ema[12].iloc[-1]),
        "ema_26_distance_pct": _pct(last, ema[26].iloc[-1]),
        "ema_50_distance_pct": _pct(last, ema[50].iloc[-1]),
        "ema_12_slope_pct": 100 * ema[12].pct_change(3).iloc[-1],
        "ema_12_50_spread_pct": _pct(ema[12].iloc[-1], ema[50].iloc[-1]),
    }


def _bollinger(close: pd.Series, bars: int) -> dict[str, float]:
    middle = close.rolling(bars).mean().iloc[-1]
    width = 4 * close.rolling(bars).std().iloc[-1]
    return {
        f"bollinger_{bars}_width_pct": 100 * width / middle,
        f"bollinger_{bars}_position_ratio": _ratio(
            close.iloc[-1] - (middle - width / 2), width, 0.5
        ),
    }


def _volatility(window: pd.DataFrame) -> dict[str, float]:
    close = window.close
    last = close.iloc[-1]
    change = 100 * close.pct_change()
    atr_14 = _wilder(_true_range(window), 14).iloc[-1]
    atr_10 = _wilder(_true_range(window), 10).iloc[-1]
    short = change.rolling(5).std().iloc[-1]
    long = change.rolling(20).std().iloc[-1]
    squares = (change**2).fillna(0.0)
    falling = squares.where(change < 0, 0.0).rolling(20).mean().iloc[-1]
    rising = squares.where(change >= 0, 0.0).rolling(20).mean().iloc[-1]
    return _bollinger(close, 20) | {
        "atr_14_quote": atr_14,
        "atr_14_pct": 100 * atr_14 / last,
        "ewm_deviation_pct": np.sqrt(squares.ewm(alpha=0.06, adjust=False).mean().iloc[-1]),
        "keltner_20_position": _ratio(last - _ema(close, 20).iloc[-1], atr_10),
        "return_deviation_5_pct": short,
        "return_deviation_20_pct": long,
        "return_deviation_5_20_ratio": _ratio(short, long),
        "downside_deviation_20_pct": np.sqrt(max(falling, 0.0)),
        "upside_deviation_20_pct": np.sqrt(max(rising, 0.0)),
        "mean_range_14_pct": 100 * ((window.high - window.low) / close).rolling(14).mean().iloc[-1],
    }


def _long_range(window: pd.DataFrame) -> dict[str, float]:
    close, volume = window.close, window.volume
    last = close.iloc[-1]
    sma_200 = close.rolling(200).mean().iloc[-1]
    ranges = _true_range(window)
    atr_200 = _wilder(ranges, 200).iloc[-1]
    return _bollinger(close, 200) | {
        "sma_200_distance_pct": _pct(last, sma_200),
        "sma_50_200_spread_pct": _pct(close.rolling(50).mean().iloc[-1], sma_200),
        "high_200_distance_pct": _pct(last, window.high.rolling(200).max().iloc[-1]),
        "low_200_distance_pct": _pct(last, window.low.rolling(200).min().iloc[-1]),
        "volume_200_ratio": _ratio(volume.iloc[-1], volume.rolling(200).mean().iloc[-1]),
        "change_200_pct": 100 * close.pct_change(200).iloc[-1],
        "ema_200_distance_pct": _pct(last, _ema(close, 200).iloc[-1]),
        "rsi_200": _rsi(close, 200).iloc[-1],
        "atr_200_pct": 100 * atr_200 / last,
        "atr_14_200_ratio": _ratio(_wilder(ranges, 14).iloc[-1], atr_200),
    }


def _volume(window: pd.DataFrame) -> dict[str, float]:
    close, volume = window.close, window.volume
    average = volume.rolling(20).mean().iloc[-1]
    height = window.high - window.low
    location = (2 * close - window.low - window.high).div(height).where(height != 0, 0.0)
    flow = location * volume
    traded = volume.rolling(20).sum().iloc[-1]
    fallen = volume.where(close < window.open, 0.0).rolling(20).sum().iloc[-1]
    balance = (np.sign(close.diff().fillna(0.0)) * volume).cumsum().iloc[-1]
    everything = volume.cumsum().iloc[-1]
    return {
        "volume_20_ratio": _ratio(volume.iloc[-1], average),
        "volume_20_deviations": _ratio(
            volume.iloc[-1] - average, volume.rolling(20).std().iloc[-1]
        ),
        "volume_close_correlation_20": volume.rolling(20).corr(close).iloc[-1],
        "chaikin_20_ratio": _ratio(flow.rolling(20).sum().iloc[-1], traded),
        "falling_volume_20_ratio": _ratio(fallen, traded),
        "ema_20_volume_ratio": _ratio(volume.iloc[-1], _ema(volume, 20).iloc[-1]),
        "on_balance_volume_ratio": _ratio(balance, everything),
        "accumulation_ratio": _ratio(flow.cumsum().iloc[-1], everything),
        "price_volume_trend_pct": _ratio((100 * close.pct_change() * volume).sum(), everything),
    }


def _vwap(window: pd.DataFrame) -> dict[str, float]:
    close, volume, price = window.close, window.volume, _typical(window)
    traded = volume.cumsum()
    average = ((price * volume).cumsum() / traded).fillna(price)
    last, middle = close.iloc[-1], average.iloc[-1]
    spread = np.sqrt(_ratio((volume * (price - middle) ** 2).sum(), traded.iloc[-1]))
    above = (close > average).astype(float)
    eight_hours = (price * volume).rolling(96).sum() / volume.rolling(96).sum()
    return {
        "vwap_96_distance_pct": _pct(last, eight_hours.iloc[-1]),
        "vwap_distance_pct": _pct(last, middle),
        "vwap_deviations": _ratio(last - middle, spread),
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


def _volume_profile(window: pd.DataFrame) -> dict[str, float]:
    low, high, last = window.low.min(), window.high.max(), window.close.iloc[-1]
    edges = np.linspace(low, high, BINS + 1)

    def bins(prices: np.ndarray) -> np.ndarray:
        return ((prices - low) / (high - low) * BINS).astype(int).clip(0, BINS - 1)

    profile = np.bincount(
        bins(_typical(window).to_numpy()), weights=window.volume.to_numpy(), minlength=BINS
    )
    bottom, peak, top = _value_area(profile)
    own = int(bins(np.array([last]))[0])
    value_low, value_high = edges[bottom], edges[top + 1]
    return {
        "profile_peak_distance_pct": _pct(last, (edges[peak] + edges[peak + 1]) / 2),
        "profile_value_high_distance_pct": _pct(last, value_high),
        "profile_value_low_distance_pct": _pct(last, value_low),
        "profile_value_width_pct": 100 * (value_high - value_low) / last,
        "profile_value_position_ratio": (last - value_low) / (value_high - value_low),
        "profile_in_value": float(value_low <= last <= value_high),
        "profile_volume_above_ratio": _ratio(profile[own + 1 :].sum(), profile.sum()),
        "profile_close_volume_ratio": _ratio(profile[own], profile[peak]),
    }


def _pivots(highs: pd.Series) -> pd.Series:
    is_pivot = pd.Series(True, index=highs.index)
    for step in (1, 2):
        is_pivot &= (highs > highs.shift(step)) & (highs >= highs.shift(-step))
    return highs[is_pivot]


def _levels(window: pd.DataFrame) -> dict[str, float]:
    recent = window.iloc[-50:]
    last = recent.close.iloc[-1]
    above = _pivots(recent.high)
    below = -_pivots(-recent.low)
    above, below = above[above >= last], below[below <= last]
    resistance = above.min() if len(above) else recent.high.max()
    support = below.max() if len(below) else recent.low.min()
    return {
        "support_50_distance_pct": _pct(last, support),
        "resistance_50_distance_pct": _pct(last, resistance),
        "support_50_touches": float(((recent.low - support).abs() <= 0.001 * support).sum()),
        "resistance_50_touches": float(
            ((recent.high - resistance).abs() <= 0.001 * resistance).sum()
        ),
    }


def _channel(window: pd.DataFrame) -> dict[str, float]:
    high, low, last = window.high, window.low, window.close.iloc[-1]
    top, bottom = high.rolling(50).max().iloc[-1], low.rolling(50).min().iloc[-1]
    upper, lower = _slope(high.iloc[-50:]), _slope(low.iloc[-50:])
    highest_10, lowest_10 = high.rolling(10).max(), low.rolling(10).min()
    higher = np.sign(highest_10.diff(10).iloc[-1]), np.sign(lowest_10.diff(10).iloc[-1])
    return {
        "channel_50_position_ratio": _ratio(last - bottom, top - bottom, 0.5),
        "bars_since_high_50": float(np.argmax(high.to_numpy()[:-51:-1])),
        "bars_since_low_50": float(np.argmin(low.to_numpy()[:-51:-1])),
        "upper_trendline_slope_pct": 100 * upper / last,
        "lower_trendline_slope_pct": 100 * lower / last,
        "upper_trendline_distance_pct": _pct(last, high.rolling(50).mean().iloc[-1] + 24.5 * upper),
        "lower_trendline_distance_pct": _pct(last, low.rolling(50).mean().iloc[-1] + 24.5 * lower),
        "breakout_20": float(last > high.shift().rolling(20).max().iloc[-1])
        - float(last < low.shift().rolling(20).min().iloc[-1]),
        "swing_structure": float(higher[0]) if higher[0] == higher[1] else 0.0,
    }


def _candles(window: pd.DataFrame) -> dict[str, float]:
    open_, high, low, close = (window[name].iloc[-1] for name in ("open", "high", "low", "close"))
    height = high - low
    body = _ratio(abs(close - open_), height)
    upper = _ratio(high - max(open_, close), height)
    lower = _ratio(min(open_, close) - low, height)
    before = window.iloc[-2]
    direction = np.sign(window.close - window.open).iloc[-20:]
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
        "gap_pct": _pct(open_, before.close),
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


def _divergences(window: pd.DataFrame) -> dict[str, float]:
    close, low, high = window.close, window.low, window.high
    rsi_14 = _rsi(close, 14)
    macd = _ema(close, 12) - _ema(close, 26)
    histogram = 100 * (macd - _ema(macd, 9)) / close
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


def _patterns(window: pd.DataFrame) -> dict[str, float]:
    high, low, close, open_ = window.high, window.low, window.close, window.open
    top, bottom = high.rolling(50).max().iloc[-1], low.rolling(50).min().iloc[-1]
    highs, lows = high.to_numpy()[:-27:-1], low.to_numpy()[:-27:-1]
    height = high.iloc[-1] - low.iloc[-1]
    top_100, bottom_100 = high.rolling(100).max().iloc[-1], low.rolling(100).min().iloc[-1]
    return {
        "williams_r_50": -100 * _ratio(top - close.iloc[-1], top - bottom),
        "aroon_oscillator_25": 4.0 * float(np.argmin(lows) - np.argmax(highs)),
        "balance_of_power": _ratio(close.iloc[-1] - open_.iloc[-1], height),
        "engulfing": _engulfing(open_, close).iloc[-1],
        "midprice_100_distance_pct": _pct(close.iloc[-1], (top_100 + bottom_100) / 2),
        "hikkake": _hikkake(high, low, close),
    }


def _engulfing(open_: pd.Series, close: pd.Series) -> pd.Series:
    """±1 where a body covers the opposite body before it wholly, ±0.8 where one end is equal."""
    colour = np.where(close >= open_, 1, -1)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    is_turn = colour != pd.Series(colour, index=close.index).shift()
    covers = (top >= top.shift()) & (bottom <= bottom.shift())
    is_equal = (top == top.shift()) | (bottom == bottom.shift())
    is_same = (top == top.shift()) & (bottom == bottom.shift())
    size = np.where(is_equal, 0.8, 1.0)
    return pd.Series(np.where(is_turn & covers & ~is_same, colour * size, 0.0), index=close.index)


def _hikkake(high: pd.Series, low: pd.Series, close: pd.Series) -> float:
    """An inside bar left to one side: ±1 as it happens, ±2 where a later close confirms."""
    highs, lows, closes = (values.to_numpy()[-7:] for values in (high, low, close))
    found, at = 0.0, 0
    result = 0.0
    for row in range(2, 7):
        result = 0.0
        is_inside = highs[row - 1] < highs[row - 2] and lows[row - 1] > lows[row - 2]
        if is_inside and highs[row] < highs[row - 1] and lows[row] < lows[row - 1]:
            found, at, result = 1.0, row, 1.0
        elif is_inside and highs[row] > highs[row - 1] and lows[row] > lows[row - 1]:
            found, at, result = -1.0, row, -1.0
        elif found and row <= at + 3:
            edge = closes[row] - (highs[at - 1] if found > 0 else lows[at - 1])
            if edge * found > 0:
                result, found = 2.0 * found, 0.0
    return result
