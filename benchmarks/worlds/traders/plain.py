"""The same features in pandas and a loop, as most traders write them: some 12 ms a frame."""

import time

import numpy as np
import pandas as pd

BUSY_S = 0.0  # how long this code keeps a core busy beyond what it needs


def compute(candles: pd.DataFrame) -> pd.DataFrame:
    """timestamp, open, high, low, close, volume; returns a row of features a candle."""
    ends = time.process_time() + BUSY_S
    while time.process_time() < ends:
        pass
    out: dict[str, object] = {}
    _momentum(candles, out)
    _memory(candles, out)
    _shape(candles, out)
    _volume(candles, out)
    _calendar(candles, out)
    _hourly(candles, out)
    _profile(candles, out)
    return pd.DataFrame(out, index=candles.index)


def _momentum(candles: pd.DataFrame, out: dict[str, object]) -> None:
    close = candles["close"]
    logs = np.log(close)
    for bars in (1, 3, 12):
        out[f"mom{bars}"] = logs.diff(bars)
    change = close.diff()
    up = change.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
    down = (-change.clip(upper=0)).ewm(alpha=1 / 14, adjust=False).mean()
    out["rsi14"] = 100 * up / (up + down)  # no value while nothing moved
    mean, spread = close.rolling(48).mean(), close.rolling(48).std()
    out["z48"] = (close - mean) / spread.where(spread > 0)
    out["sd24"] = logs.diff().rolling(24).std()


def _memory(candles: pd.DataFrame, out: dict[str, object]) -> None:
    close = candles["close"]
    fast = close.ewm(span=9, adjust=False).mean()
    slow = close.ewm(span=26, adjust=False).mean()
    line = fast - slow
    out["macd_rel"] = line / close
    out["macd_sig"] = line.ewm(span=9, adjust=False).mean() / close
    out["ema150"] = close / close.ewm(span=150, adjust=False).mean() - 1
    typical = (candles["high"] + candles["low"] + close) / 3
    traded = candles["volume"].cumsum()
    out["vwap_gap"] = (
        close / ((typical * candles["volume"]).cumsum() / traded.where(traded > 0)) - 1
    )
    signed = candles["volume"] * np.sign(close.diff().fillna(0))
    out["obv_rel"] = signed.cumsum() / traded.where(traded > 0)
    before = close.shift(1)
    reach = pd.concat([candles["high"], before], axis=1).max(axis=1)
    reach -= pd.concat([candles["low"], before], axis=1).min(axis=1)
    out["atr14"] = reach.ewm(alpha=1 / 14, adjust=False).mean() / close


def _shape(candles: pd.DataFrame, out: dict[str, object]) -> None:
    open_, high, low, close = (candles[name] for name in ("open", "high", "low", "close"))
    span = (high - low).where(high > low)
    out["body"] = (close - open_) / span
    out["wick_top"] = (high - np.maximum(open_, close)) / span
    floor, roof = low.rolling(36).min(), high.rolling(36).max()
    out["place36"] = (close - floor) / (roof - floor).where(roof > floor)
    out["range_rel"] = (high - low) / close


def _volume(candles: pd.DataFrame, out: dict[str, object]) -> None:
    volume = candles["volume"]
    usual = volume.rolling(30).mean()
    out["vol_ratio"] = volume / usual.where(usual > 0)
    out["vol_up"] = volume.where(candles["close"] > candles["open"], 0.0).rolling(20).sum()
    out["vol_sd"] = np.log1p(volume).rolling(40).std()


def _calendar(candles: pd.DataFrame, out: dict[str, object]) -> None:
    stamps = pd.DatetimeIndex(candles["timestamp"])
    hours = (stamps.hour + stamps.minute / 60).to_numpy()
    out["hour_s"] = np.sin(hours * np.pi / 12)
    out["hour_c"] = np.cos(hours * np.pi / 12)
    out["weekday"] = stamps.dayofweek.to_numpy().astype(float)


def _hourly(candles: pd.DataFrame, out: dict[str, object]) -> None:
    """The last whole hour, carried over the candles of the next."""
    hour = pd.DatetimeIndex(candles["timestamp"]).floor("h")
    last = candles["close"].groupby(hour).last()
    step = last.pct_change().shift(1)
    trend = (last / last.ewm(span=6, adjust=False).mean() - 1).shift(1)
    out["h1_step"] = step.reindex(hour).to_numpy()
    out["h1_trend"] = trend.reindex(hour).to_numpy()


def _profile(candles: pd.DataFrame, out: dict[str, object]) -> None:
    """Share of the volume of the last candles that traded below the close."""
    closes, volumes = candles["close"].tolist(), candles["volume"].tolist()
    shares: list[float] = []
    for i, price in enumerate(closes):
        start = max(0, i - 95)
        total = below = 0.0
        for j in range(start, i + 1):
            total += volumes[j]
            if closes[j] < price:
                below += volumes[j]
        shares.append(below / total if total > 0 else float("nan"))
    out["below96"] = shares
