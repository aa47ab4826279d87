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

from core.market import OHLCV
from core.times import Timeframe
from demo.models import TrainedBundle, train_bundle
from demo.simulated_market import Market, simulate_market
from reference_pipeline.features import CATALOGUE, VOLUME, VOLUME_PROFILE, VWAP, Reach
from reference_pipeline.pipeline import FEATURES, compute_windows

Floats = npt.NDArray[np.float64]

TIMEFRAME = Timeframe.parse("5m")
TRAINING_DAYS = 30
_FEATURES_A_SIDE = 40
_CUMULATED_A_SIDE = 2
_CUMULATED = frozenset(
    feature for feature in (*VWAP, *VOLUME_PROFILE, *VOLUME) if feature.reach is Reach.FRAME
)


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
    recipes = {  # rows, what to predict, seed of the choice of features, cumulated features
        "momentum": (slice(quarter, None), 0.4, 1, _CUMULATED_A_SIDE),
        "momentum_v1": (slice(0, 3 * quarter), 0.4, 1, _CUMULATED_A_SIDE),
        "reversal": (slice(quarter, None), 0.6, 2, _CUMULATED_A_SIDE),
        "private": (slice(2 * quarter, None), 0.4, 1, _CUMULATED_A_SIDE),
        "trailing": (slice(quarter, None), 0.4, 3, None),
    }
    bundles = {}
    for name, (part, move, choice, cumulated) in recipes.items():
        generator = np.random.default_rng([seed, choice])
        sides = [_choose_features(generator, cumulated) for _ in range(2)]
        bundles[name] = train_bundle(
            name, sides, matrix[part], closes[part], seed=seed * 10 + choice, move_deviations=move
        )
    return bundles


def _choose_features(generator: np.random.Generator, cumulated: int | None) -> tuple[int, ...]:
    """Columns of one side in the order of its inputs.

    Mostly features that forget, and a few that are cumulated since the first candle of
    their frame, whatever its length; None: only features that no longer history changes.
    """
    columns = np.arange(len(FEATURES))
    if cumulated is None:
        is_trailing = [feature.reach is Reach.TRAILING for feature in CATALOGUE]
        return tuple(generator.permutation(columns[is_trailing])[:_FEATURES_A_SIDE].tolist())
    is_cumulated = np.array([feature in _CUMULATED for feature in CATALOGUE])
    few = generator.permutation(columns[is_cumulated])[:cumulated]
    many = generator.permutation(columns[~is_cumulated])[: _FEATURES_A_SIDE - cumulated]
    return tuple(generator.permutation(np.concatenate([few, many])).tolist())
