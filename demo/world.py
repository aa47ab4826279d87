"""What stands before a bot starts: the market, the models, the features it will compute.

One world a seed is shared by many installations (see demo.plan): whatever goes
wrong in one of them, the market and the models are the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.rerun.reference.features import CATALOGUE, Reach
from core.rerun.reference_pipeline import FEATURES, compute_windows
from core.timeframe import Timeframe
from demo.market import Market, simulate_market
from demo.models import TrainedBundle, train_bundle

Floats = npt.NDArray[np.float64]

TIMEFRAME = Timeframe.parse("5m")
TRAINING_DAYS = 30
OHLCV = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class World:
    """A market, the bars that will be logged, and trained bundles by name."""

    seed: int
    market: Market
    first: int  # position of the first bar of the log
    lookback_bars: int  # history the models were trained with
    bundles: dict[str, TrainedBundle]

    @property
    def timeframe(self) -> Timeframe:
        return self.market.timeframe

    @property
    def positions(self) -> npt.NDArray[np.int64]:
        """The bars of the log."""
        return np.arange(self.first, self.market.bars, dtype="int64")

    @property
    def opens(self) -> pd.DatetimeIndex:
        """Candle opens of the log, UTC."""
        return self.market.opens[self.first :]

    @cached_property
    def candles(self) -> pd.DataFrame:
        """Every closed candle of the market: candle_open, open, high, low, close, volume."""
        return self.market.candles()

    @cached_property
    def features(self) -> Floats:
        """The reference features of the log's bars at the training lookback."""
        return compute_windows(pipeline_frame(self.candles), self.positions, self.lookback_bars)


def pipeline_frame(candles: pd.DataFrame) -> pd.DataFrame:
    """Candles as a feature function gets them: timestamp, OHLCV, RangeIndex."""
    renamed = candles.rename(columns={"candle_open": "timestamp"}).reset_index(drop=True)
    return renamed[["timestamp", *OHLCV]]


def make_world(
    seed: int, first_open: datetime, last_open: datetime, *, lookback_bars: int = 600
) -> World:
    """The world of a log from first_open to last_open, both included (UTC, on the grid).

    "momentum" is live; "momentum_v1" is its predecessor with the same features,
    "reversal" has others; "private" is a model whose files nobody but its author has;
    "trailing" takes only features that no longer history can change.
    """
    market_first, first = _beginning(first_open, lookback_bars)
    bars = first + TIMEFRAME.count(first_open, last_open)
    market = simulate_market(seed, market_first, bars, TIMEFRAME)
    return World(seed, market, first, lookback_bars, _train(seed, market, first, lookback_bars))


def _beginning(first_open: datetime, lookback_bars: int) -> tuple[datetime, int]:
    """The market's first candle open, and how many bars later the log begins."""
    warm = timedelta(days=TRAINING_DAYS) + 4 * lookback_bars * TIMEFRAME.length
    midnight = first_open.replace(hour=0, minute=0)
    begin = midnight - timedelta(days=warm.days + 1)
    return begin, TIMEFRAME.count(begin, first_open) - 1


def _train(seed: int, market: Market, first: int, lookback_bars: int) -> dict[str, TrainedBundle]:
    candles = market.candles()
    training_bars = int(TRAINING_DAYS * TIMEFRAME.bars_per_day)
    rows = np.arange(first - training_bars, first, dtype="int64")
    frame = pipeline_frame(candles.head(first))
    matrix = compute_windows(frame, rows, lookback_bars)
    closes = frame["close"].to_numpy()[rows]
    quarter = len(rows) // 4
    everything = np.arange(len(FEATURES))
    forgetful = np.array([feature.reach is Reach.TRAILING for feature in CATALOGUE])
    recipes = {  # rows, what to predict, seed of the choice of features, columns
        "momentum": (slice(quarter, None), 0.4, 1, everything),
        "momentum_v1": (slice(0, 3 * quarter), 0.4, 1, everything),
        "reversal": (slice(quarter, None), 0.6, 2, everything),
        "private": (slice(2 * quarter, None), 0.4, 1, everything),
        "trailing": (slice(quarter, None), 0.4, 3, np.flatnonzero(forgetful)),
    }
    return {
        name: train_bundle(
            name,
            tuple(FEATURES[column] for column in columns),
            matrix[part][:, columns],
            closes[part],
            seed=seed * 10 + choice,
            move_deviations=move,
        )
        for name, (part, move, choice, columns) in recipes.items()
    }
