"""Prices and signals of a seeded bot, drawn from one stream of numbers."""

import numpy as np
import pandas as pd

from core.arrays import Floats
from core.market import SIDES


def prices(chosen: np.random.Generator, count: int) -> pd.DataFrame:
    """So many candles, each of which opens where the last one closed."""
    close = 100_000 * np.exp(np.cumsum(chosen.normal(0, 0.0008, count)))
    opened = np.concatenate([[100_000.0], close[:-1]])
    spread = np.abs(chosen.normal(0, 40, count))
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) + spread,
            "low": np.minimum(opened, close) - spread,
            "close": close,
            "volume": chosen.gamma(2, 30, count),
        }
    )


def signals(chosen: np.random.Generator, opens: pd.DatetimeIndex) -> pd.DataFrame:
    """Signals of both sides at these candle opens: candle_open, side, probability."""
    count = len(opens)
    walk = np.cumsum(chosen.normal(0, 0.25, (2, count)), axis=1)
    walk -= np.linspace(0, 1, count) * walk[:, -1:]
    swing = np.sin(np.arange(count) / 40)
    bent = np.clip(walk * 0.1, -2, 2) + np.stack([swing, -swing - 1])
    return pd.DataFrame(
        {
            "candle_open": np.tile(opens.to_numpy(), 2),
            "side": np.repeat([str(side) for side in SIDES], count),
            "probability": (1 / (1 + np.exp(-bent))).ravel(),
        }
    ).assign(candle_open=opens.append(opens))


def backtest_of(
    chosen: np.random.Generator, production: pd.DataFrame, noise: float, flagged: pd.DatetimeIndex
) -> pd.DataFrame:
    """The same signals with this noise (0: equal to the bit), and 0.3 lower where flagged."""
    if not noise:
        return production
    drawn: Floats = chosen.normal(0, noise, len(production))
    lower = np.where(production["candle_open"].isin(flagged), 0.3, 0.0)
    return production.assign(probability=(production["probability"] + drawn - lower).clip(0, 1))
