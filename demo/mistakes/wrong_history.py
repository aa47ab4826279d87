"""Mistakes in how much a row could see, and in the code that computed it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from demo.mistakes.wrong_labels import either
from demo.mistakes.wrong_scoring import carriers
from demo.plan import Plan
from demo.simulation import World

_RESTART_BARS = 14
_FIRST_HISTORY_BARS = 220  # what one call to the exchange gave after a restart

_HEAD = '''"""Features of the bot."""

from reference_pipeline.pipeline import compute as usual_features


def compute(candles):
    features = usual_features(candles)
'''


def lookback(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The backtest sees fewer candles than the bot: five sixths (small) or half (large)."""
    bars = plan.lookback_bars
    return plan.backtest(lookback_bars=(bars * 5 // 6, bars // 2)[size])


def warm_up(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """After a start the bot has 220 candles and trades while its buffer fills.

    Every value is a number by then, but the long ones are not what they will be.
    Small: one start, with the log; large: a restart a day as well.
    """
    starts = [0]
    if size:
        bars = len(world.positions)
        starts += list(range(min(150, bars // 2), bars - min(100, bars // 4), 288))
    history = np.full(world.market.bars, plan.lookback_bars, dtype="int64")
    down = np.zeros(world.market.bars, dtype=bool)
    for start in starts:
        bar = world.first + start
        if start:
            down[bar - _RESTART_BARS : bar] = True
        growth = _FIRST_HISTORY_BARS + np.arange(world.market.bars - bar)
        history[bar:] = np.minimum(growth, plan.lookback_bars)
    seen = replace(plan.seen, history_bars=history)
    return replace(plan, seen=seen, is_down=either(plan.is_down, down), counts_candles=True)


def row_position(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The feature code smooths with a centred window, and the backtest runs on whole days.

    In the bot a candle is the last row of its frame and has no future to look at;
    in the backtest's frame it has. Small: 3 candles around, large: 15, on more features.
    """
    names = _some(world, plan, generator, (2, 4)[size])
    span = (3, 15)[size]
    source = _HEAD + _for_each(
        names, f"features[name].rolling({span}, center=True, min_periods=1).mean()"
    )
    return _with_code(plan, "bot_features", source).backtest(
        pipeline="bot_features:compute", mode="frame"
    )


def pipeline_version(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The feature code changed; the backtest runs the new one, the bot still the old one.

    Small: one feature has another formula, large: five. Both files lie on the path.
    """
    names = _some(world, plan, generator, (1, 5)[size])
    changed = _HEAD + _for_each(names, "features[name].rolling(4).mean()")
    plan = _with_code(plan, "features_v2", changed)
    return _with_code(plan, "features_v1", _HEAD + "    return features\n").backtest(
        pipeline="features_v2:compute"
    )


def nan_policy(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """Some features have no value in quiet candles; the bot's loop writes 0 there.

    The log keeps the empty cells, the backtest leaves them to the model. Small: a
    candle in ten or so is quiet, large: four in ten.
    """
    names = _some(world, plan, generator, 3)
    quiet = (0.35, 0.8)[size]
    source = (
        _HEAD + f"    usual = candles['volume'].rolling(96, min_periods=1).median()\n"
        f"    quiet = candles['volume'] < {quiet} * usual\n"
        + _for_each(names, "features[name].mask(quiet)")
    )
    plan = _with_code(plan, "bot_features", source).backtest(pipeline="bot_features:compute")
    return replace(plan, scoring=replace(plan.scoring, nan_as=0.0))


def _some(world: World, plan: Plan, generator: np.random.Generator, count: int) -> list[str]:
    """Features that move the live bundle's probabilities."""
    names = carriers(world, plan.scoring.bundles[0][1])[:8]
    order: npt.NDArray[np.int64] = generator.permutation(len(names))[:count]
    return [names[position] for position in order]


def _for_each(names: list[str], expression: str) -> str:
    return (
        f"    for name in {names!r}:\n        features[name] = {expression}\n    return features\n"
    )


def _with_code(plan: Plan, module: str, source: str) -> Plan:
    """The bot runs this code; it lies on the configured path."""
    code = {**plan.code, f"code/{module}.py": source}
    return replace(plan, code=code, compute=f"{module}:compute")
