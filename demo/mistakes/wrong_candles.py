"""Mistakes in the candles that one of both sides computed on."""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.market import OHLCV
from demo.plan import Plan
from demo.simulated_market import STEPS, TICK
from demo.simulation import World


def unclosed_candle(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The bot computes before the candle has closed: 20 s (small) or 100 s (large) early.

    Its history is finished, the newest candle is not. A recorder beside the bot
    kept each newest candle as the stream showed it then.
    """
    steps = (2, 10)[size]
    newest = world.market.candles(STEPS - steps)
    early_s = steps * world.timeframe.length_s / STEPS
    seen = replace(plan.seen, newest=newest[list(OHLCV)].to_numpy())
    return with_candles(replace(plan, seen=seen, delay_s=-early_s), "stream", newest)


def partial_candle(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The backtest's store pulls every two hours (small) or half hour (large).

    The newest row of each pull is a candle that was still open, and the store
    never asks for it again. The exchange's own history has it whole.
    """
    every = (24, 6)[size]
    offset = int(generator.integers(every))
    values = world.candles[list(OHLCV)].to_numpy().copy()
    unfinished = world.market.candles(int(generator.integers(4, STEPS - 6)))
    rows = np.arange(world.market.bars) % every == offset
    values[rows] = unfinished[list(OHLCV)].to_numpy()[rows]
    stored = world.candles.assign(**{name: values[:, k] for k, name in enumerate(OHLCV)})
    return with_candles(plan, "store", stored).backtest(candles="store")


def market_data(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The bot trades on another venue than the one whose candles the backtest has.

    Prices there differ by 2 (small) or 10 (large) basis points that come and go,
    volumes by a factor.
    """
    values = world.candles[list(OHLCV)].to_numpy()
    prices, volumes = values[:, :4], values[:, 4]
    premium = _wandering(generator, len(values)) * (2e-4, 1e-3)[size]
    shifted = np.round(prices * (1.0 + premium[:, None]) / TICK) * TICK
    high = shifted.max(axis=1) + np.round(generator.exponential(3.0, len(values)), 1)
    low = shifted.min(axis=1) - np.round(generator.exponential(3.0, len(values)), 1)
    traded = np.round(volumes * 0.4 * np.exp(generator.normal(0, 0.2, len(values))), 4)
    venue = np.column_stack([shifted[:, 0], high, low, shifted[:, 3], traded])
    venue[:, :4] = np.round(venue[:, :4], 1)
    candles = world.candles.assign(**{name: venue[:, k] for k, name in enumerate(OHLCV)})
    return with_candles(replace(plan, seen=replace(plan.seen, values=venue)), "venue", candles)


def missing_candles(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """Candles never reached the bot's stream, and its window closed over the holes.

    Small: three single candles a day, large: five an hour for three hours a day.
    Those candles are missing in the feature log as well.
    """
    present = np.ones(world.market.bars, dtype=bool)
    for start in range(world.first + 12, world.market.bars - 40, 288):
        if size:
            hole = start + int(generator.integers(12, 200))
            lost = [hole + 12 * hour + k for hour in range(3) for k in range(5)]
        else:
            lost = (start + generator.choice(260, 3, replace=False)).tolist()
        present[[bar for bar in lost if bar < world.market.bars - 1]] = False
    return replace(plan, seen=replace(plan.seen, present=present))


def candle_label(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The exchange's file names each candle by its close (small) or an hour late (large)."""
    bars = (1, 12)[size]
    step = bars * pd.Timedelta(world.timeframe.length)
    path = "data/exchange_5m.csv"
    candles = plan.candle_files[path]
    late = candles.assign(candle_open=candles["candle_open"] + step)
    return replace(plan, candle_files={**plan.candle_files, path: late})


def with_candles(plan: Plan, name: str, candles: pd.DataFrame) -> Plan:
    """One more candle source in files and configuration."""
    path = f"data/{name}_5m.csv"
    return replace(plan, candle_files={**plan.candle_files, path: candles}).configured(
        candles=[*plan.bot["candles"], {"name": name, "paths": [path]}]
    )


def _wandering(generator: np.random.Generator, bars: int) -> np.ndarray:
    """A premium that reverts: standard deviation about 1, memory of some hours."""
    noise = generator.standard_normal(bars)
    premium = np.empty(bars)
    level = 0.0
    for bar, shock in enumerate(noise.tolist()):
        level = 0.97 * level + 0.24 * shock
        premium[bar] = level
    return premium
