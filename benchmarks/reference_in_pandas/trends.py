"""Momentum, moving averages, volatility, 200 candles and volume in pandas."""

import numpy as np
import pandas as pd

from benchmarks.reference_in_pandas.indicators import (
    ema,
    pct,
    ratio,
    rsi,
    slope,
    true_range,
    typical_price,
    wilder,
)


def _stochastic(window: pd.DataFrame) -> pd.Series:
    bottom = window.low.rolling(14).min()
    top = window.high.rolling(14).max()
    return (100 * (window.close - bottom) / (top - bottom)).fillna(50.0)


def momentum(window: pd.DataFrame) -> dict[str, float]:
    close, typical = window.close, typical_price(window)
    last = close.iloc[-1]
    rsi_14 = rsi(close, 14)
    macd = ema(close, 12) - ema(close, 26)
    signal = ema(macd, 9)
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
        "rsi_7": rsi(close, 7).iloc[-1],
        "rsi_14": rsi_14.iloc[-1],
        "rsi_14_change_3": rsi_14.diff(3).iloc[-1],
        "macd_pct": 100 * macd.iloc[-1] / last,
        "macd_signal_pct": 100 * signal.iloc[-1] / last,
        "macd_histogram_pct": 100 * (macd - signal).iloc[-1] / last,
        "stochastic_k_14": stochastic.iloc[-1],
        "stochastic_d_3": stochastic.rolling(3).mean().iloc[-1],
        "cci_20": ratio(typical.iloc[-1] - middle, 0.015 * spread),
        "money_flow_14": 100 * ratio(rising, rising + falling, 0.5),
        "slope_20_pct": 100 * slope(close.iloc[-20:]) / last,
    }


def directional(window: pd.DataFrame) -> dict[str, float]:
    up = window.high.diff().fillna(0.0)
    down = -window.low.diff().fillna(0.0)
    ranges = wilder(true_range(window), 14)
    plus = (100 * wilder(up.where((up > down) & (up > 0), 0.0), 14) / ranges).fillna(0.0)
    minus = (100 * wilder(down.where((down > up) & (down > 0), 0.0), 14) / ranges).fillna(0.0)
    index = (100 * (plus - minus).abs() / (plus + minus)).fillna(0.0)
    return {
        "plus_di_14": plus.iloc[-1],
        "minus_di_14": minus.iloc[-1],
        "adx_14": wilder(index, 14).iloc[-1],
    }


def moving_averages(window: pd.DataFrame) -> dict[str, float]:
    close = window.close
    last = close.iloc[-1]
    sma = {bars: close.rolling(bars).mean() for bars in (10, 20, 50)}
    emas = {bars: ema(close, bars) for bars in (12, 26, 50)}
    return {
        "sma_20_distance_pct": pct(last, sma[20].iloc[-1]),
        "sma_50_distance_pct": pct(last, sma[50].iloc[-1]),
        "sma_10_20_spread_pct": pct(sma[10].iloc[-1], sma[20].iloc[-1]),
        "sma_20_slope_pct": 100 * sma[20].pct_change(5).iloc[-1],
        "above_sma_count": float(sum(last > average.iloc[-1] for average in sma.values())),
        "ema_12_distance_pct": pct(last, emas[12].iloc[-1]),
        "ema_26_distance_pct": pct(last, emas[26].iloc[-1]),
        "ema_50_distance_pct": pct(last, emas[50].iloc[-1]),
        "ema_12_slope_pct": 100 * emas[12].pct_change(3).iloc[-1],
        "ema_12_50_spread_pct": pct(emas[12].iloc[-1], emas[50].iloc[-1]),
    }


def _bollinger(close: pd.Series, bars: int) -> dict[str, float]:
    middle = close.rolling(bars).mean().iloc[-1]
    width = 4 * close.rolling(bars).std().iloc[-1]
    return {
        f"bollinger_{bars}_width_pct": 100 * width / middle,
        f"bollinger_{bars}_position_ratio": ratio(
            close.iloc[-1] - (middle - width / 2), width, 0.5
        ),
    }


def volatility(window: pd.DataFrame) -> dict[str, float]:
    close = window.close
    last = close.iloc[-1]
    change = 100 * close.pct_change()
    atr_14 = wilder(true_range(window), 14).iloc[-1]
    atr_10 = wilder(true_range(window), 10).iloc[-1]
    short = change.rolling(5).std().iloc[-1]
    long = change.rolling(20).std().iloc[-1]
    squares = (change**2).fillna(0.0)
    falling = squares.where(change < 0, 0.0).rolling(20).mean().iloc[-1]
    rising = squares.where(change >= 0, 0.0).rolling(20).mean().iloc[-1]
    return _bollinger(close, 20) | {
        "atr_14_quote": atr_14,
        "atr_14_pct": 100 * atr_14 / last,
        "ewm_deviation_pct": np.sqrt(squares.ewm(alpha=0.06, adjust=False).mean().iloc[-1]),
        "keltner_20_position": ratio(last - ema(close, 20).iloc[-1], atr_10),
        "return_deviation_5_pct": short,
        "return_deviation_20_pct": long,
        "return_deviation_5_20_ratio": ratio(short, long),
        "downside_deviation_20_pct": np.sqrt(max(falling, 0.0)),
        "upside_deviation_20_pct": np.sqrt(max(rising, 0.0)),
        "mean_range_14_pct": 100 * ((window.high - window.low) / close).rolling(14).mean().iloc[-1],
    }


def long_range(window: pd.DataFrame) -> dict[str, float]:
    close, volume = window.close, window.volume
    last = close.iloc[-1]
    sma_200 = close.rolling(200).mean().iloc[-1]
    ranges = true_range(window)
    atr_200 = wilder(ranges, 200).iloc[-1]
    return _bollinger(close, 200) | {
        "sma_200_distance_pct": pct(last, sma_200),
        "sma_50_200_spread_pct": pct(close.rolling(50).mean().iloc[-1], sma_200),
        "high_200_distance_pct": pct(last, window.high.rolling(200).max().iloc[-1]),
        "low_200_distance_pct": pct(last, window.low.rolling(200).min().iloc[-1]),
        "volume_200_ratio": ratio(volume.iloc[-1], volume.rolling(200).mean().iloc[-1]),
        "change_200_pct": 100 * close.pct_change(200).iloc[-1],
        "ema_200_distance_pct": pct(last, ema(close, 200).iloc[-1]),
        "rsi_200": rsi(close, 200).iloc[-1],
        "atr_200_pct": 100 * atr_200 / last,
        "atr_14_200_ratio": ratio(wilder(ranges, 14).iloc[-1], atr_200),
    }


def volume(window: pd.DataFrame) -> dict[str, float]:
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
        "volume_20_ratio": ratio(volume.iloc[-1], average),
        "volume_20_deviations": ratio(volume.iloc[-1] - average, volume.rolling(20).std().iloc[-1]),
        "volume_close_correlation_20": volume.rolling(20).corr(close).iloc[-1],
        "chaikin_20_ratio": ratio(flow.rolling(20).sum().iloc[-1], traded),
        "falling_volume_20_ratio": ratio(fallen, traded),
        "ema_20_volume_ratio": ratio(volume.iloc[-1], ema(volume, 20).iloc[-1]),
        "on_balance_volume_ratio": ratio(balance, everything),
        "accumulation_ratio": ratio(flow.cumsum().iloc[-1], everything),
        "price_volume_trend_pct": ratio((100 * close.pct_change() * volume).sum(), everything),
    }
