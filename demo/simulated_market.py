"""A simulated market: volatility comes in clusters, trends come and go, volume has a day.

Every number follows from the seed and the first candle open alone: a bar costs
the same random numbers whether it is generated today or tomorrow, so a longer
simulation begins with exactly the candles of a shorter one, and a live bot can go
on where a workspace was left. Nothing here is a real price.
"""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.times import Timeframe, index_from_us, to_us

Floats = npt.NDArray[np.float64]

STEPS = 30  # price moves inside a candle
TICK = 0.1
_BLOCK = 288  # bars whose random numbers are drawn together
_START_PRICE = 60_000.0
_BASE_SIGMA = 0.0007  # standard deviation of a bar's return

CANDLE_COLUMNS = ("candle_open", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Market:
    """Candles with the path of prices and volume inside each of them."""

    timeframe: Timeframe
    first_open: datetime  # UTC
    prices: Floats  # bars × (STEPS + 1), the first column is the open
    volumes: Floats  # bars × STEPS, cumulated inside the bar

    @property
    def bars(self) -> int:
        return len(self.prices)

    @property
    def opens(self) -> pd.DatetimeIndex:
        """The candle opens, UTC."""
        first, length = to_us(self.first_open), self.timeframe.length_us
        return index_from_us(first + length * np.arange(self.bars, dtype="int64"))

    def candles(self, step: int = STEPS) -> pd.DataFrame:
        """Candles (CANDLE_COLUMNS) as they stood after `step` of STEPS moves; STEPS: closed."""
        path = self.prices[:, : step + 1]
        values = (path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1])
        columns = dict(zip(CANDLE_COLUMNS[1:5], values, strict=True))
        return pd.DataFrame(
            {"candle_open": self.opens, **columns, "volume": self.volumes[:, step - 1]}
        )

    def position(self, candle_open: datetime) -> int:
        """The bar's number, counted from 0."""
        return (to_us(candle_open) - to_us(self.first_open)) // self.timeframe.length_us


def simulate_market(seed: int, first_open: datetime, bars: int, timeframe: Timeframe) -> Market:
    """A market of `bars` candles from `first_open` (UTC, on the timeframe's grid)."""
    if not timeframe.is_on_grid(first_open):
        raise ValueError(f"first_open {first_open.isoformat()} is not on the {timeframe.text} grid")
    shocks, sizes, moods = _noise(seed, bars)
    hours = (first_open.hour + first_open.minute / 60) + np.arange(bars) * timeframe.length_s / 3600
    sigmas, drifts = _regimes(moods, hours)
    return Market(
        timeframe, first_open, _prices(shocks, sigmas, drifts), _volumes(sizes, sigmas, hours)
    )


def simulate_candles(
    seed: int, first_open: datetime, bars: int, timeframe: Timeframe
) -> pd.DataFrame:
    """The closed candles of simulate_market: candle_open (UTC), open, high, low, close, volume."""
    return simulate_market(seed, first_open, bars, timeframe).candles()


def _noise(seed: int, bars: int) -> tuple[Floats, Floats, Floats]:
    """Random numbers of each bar; block k is the same however many blocks follow."""
    shocks, sizes, moods = [], [], []
    for block in range(math.ceil(bars / _BLOCK)):
        generator = np.random.default_rng([seed, block])
        shocks.append(generator.standard_normal((_BLOCK, STEPS)))
        sizes.append(generator.gamma(0.7, 1.0, (_BLOCK, STEPS)))
        moods.append(generator.standard_normal((_BLOCK, 3)))
    return (
        np.concatenate(shocks)[:bars],
        np.concatenate(sizes)[:bars],
        np.concatenate(moods)[:bars],
    )


def _regimes(moods: Floats, hours: Floats) -> tuple[Floats, Floats]:
    """Volatility (clusters, a daily shape) and drift (trends of some hours) of each bar."""
    sigmas, drifts = np.empty(len(moods)), np.empty(len(moods))
    fast = slow = trend = 0.0
    for bar, (calm, jump, turn) in enumerate(moods.tolist()):
        fast = 0.90 * fast + 0.16 * calm + (0.9 if jump > 2.9 else 0.0)
        slow = 0.997 * slow + 0.04 * calm
        trend = 0.975 * trend + 0.22 * turn
        sigmas[bar] = math.exp(fast + slow)
        drifts[bar] = math.tanh(trend)
    daily = 1.0 + 0.35 * np.sin((hours - 8.0) * np.pi / 12.0)
    return _BASE_SIGMA * sigmas * daily, drifts


def _prices(shocks: Floats, sigmas: Floats, drifts: Floats) -> Floats:
    """Paths on the tick grid: a trend while it lasts, a pull back to the slow mean."""
    paths = np.empty((len(shocks), STEPS + 1))
    price = mean = _START_PRICE
    for bar, (sigma, drift) in enumerate(zip(sigmas.tolist(), drifts.tolist(), strict=True)):
        pull = -0.06 * sigma * math.tanh((price / mean - 1.0) / 0.01)
        expected = 0.22 * sigma * drift + pull
        moves = expected / STEPS + sigma / math.sqrt(STEPS) * shocks[bar]
        path = price * np.exp(np.cumsum(moves))
        paths[bar, 0] = price
        paths[bar, 1:] = np.round(path / TICK) * TICK
        price = float(paths[bar, -1])
        mean += (price - mean) / 500.0
    # round once more: 0.1 is no binary number, and a file prints one digit
    return np.round(paths, 1)


def _volumes(sizes: Floats, sigmas: Floats, hours: Floats) -> Floats:
    """Contracts traded so far inside the bar: more in the afternoon and when prices move."""
    busy = 1.0 + 0.6 * np.sin((hours - 8.0) * np.pi / 12.0)
    level = 1.4 * busy * np.sqrt(sigmas / _BASE_SIGMA)
    return np.round(np.cumsum(sizes * level[:, None], axis=1) + 0.001, 4)
