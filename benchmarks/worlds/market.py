"""A market of one-minute paths, folded to candles of five minutes.

Candles are made of minutes so that an unfinished candle is what it was at that minute, and a
price taken some seconds late is a price of the next minute.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

KINDS = ("trend", "reversion", "jumps", "slow", "flat", "calm")
MINUTES = 5
STEPS = 4  # prices inside a minute; its open and close are the first and the last
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Market:
    """minutes: open, high, low, close, volume, row i of candle i // 5; candles: the same
    folded, with `timestamp` (candle open, UTC); tick: the step of prices."""

    kind: str
    tick: float
    minutes: pd.DataFrame
    candles: pd.DataFrame


def make_market(kind: str, candles: int, start: datetime, rng: np.random.Generator) -> Market:
    """A market of `candles` candles from `start` (UTC)."""
    tick, path = _path(kind, candles * MINUTES * STEPS, rng)
    prices = np.round(np.maximum(path, 50 * tick) / tick) * tick
    decimals = max(0, round(-np.log10(tick)) + 1)
    steps = np.round(prices, decimals).reshape(-1, STEPS)
    # As often as on a real venue, a minute opens where the last one closed.
    same = np.flatnonzero(rng.random(len(steps) - 1) < 0.4) + 1
    steps[same, 0] = steps[same - 1, -1]
    moved = np.abs(np.diff(steps, axis=1)).sum(axis=1) / tick
    volume = rng.gamma(1.5, 4.0, len(steps)) * (1 + 0.2 * moved)
    if kind == "flat":
        volume[moved == 0] = 0.0
    minutes = pd.DataFrame(
        {
            "open": steps[:, 0],
            "high": steps.max(axis=1),
            "low": steps.min(axis=1),
            "close": steps[:, -1],
            "volume": np.round(volume, 3),
        }
    )
    return Market(kind, tick, minutes, fold(minutes, start))


def fold(minutes: pd.DataFrame, start: datetime, of_five: int = MINUTES) -> pd.DataFrame:
    """Candles of the first `of_five` of every five minutes; timestamp is the candle open."""
    count = len(minutes) // MINUTES
    cube = {name: minutes[name].to_numpy().reshape(count, MINUTES)[:, :of_five] for name in minutes}
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start.astimezone(UTC), periods=count, freq="5min"),
            "open": cube["open"][:, 0],
            "high": cube["high"].max(axis=1),
            "low": cube["low"].min(axis=1),
            "close": cube["close"][:, -1],
            "volume": np.round(cube["volume"].sum(axis=1), 3),
        }
    )


def _path(kind: str, count: int, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """The step of prices, and a path of `count` prices before rounding."""
    level = float(rng.choice([1.7, 85.0, 2_300.0, 97_000.0]))
    noise = rng.standard_t(5, count) * level * 1.6e-4
    # Quiet and busy hours.
    noise *= np.exp(0.5 * np.sin(np.arange(count) * 2 * np.pi / (288 * MINUTES * STEPS)))
    tick = 10.0 ** np.floor(np.log10(level * 2e-5))
    if kind == "trend":
        noise += level * 6e-6 * np.sign(np.sin(np.arange(count) / (count / 5.3)))
    if kind == "jumps":
        jumps = rng.random(count) < 1 / 900
        noise += jumps * rng.normal(0, level * 6e-3, count)
    if kind == "slow":  # A coarse step: many closes in a row are the same.
        noise *= 0.12
        tick = 10.0 ** np.floor(np.log10(level * 1.2e-3))
    if kind == "flat":  # Stretches without any trade.
        still = np.repeat(rng.random(count // 400 + 1) < 0.3, 400)[:count]
        noise[still] = 0.0
    if kind == "calm":
        noise *= 0.3
    if kind == "reversion":
        path = np.empty(count)
        gap = 0.0
        for i in range(count):
            gap = gap * 0.9985 + noise[i]
            path[i] = level + gap
        return tick, path
    return tick, level + np.cumsum(noise)
