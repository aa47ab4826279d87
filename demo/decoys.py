"""Installations in which no known cause is at work, though something looks like one.

`STRANGERS` differ for reasons that no list of causes holds; `HARMLESS` show a
circumstance that is true and changes nothing; `CLEAN` are sound bots of several
kinds. The right answer to every one of them is that nothing is proven.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from demo.bot import probabilities, reference_vectors
from demo.mistakes import wrong_candles, wrong_history
from demo.plan import Plan, clean_plan, deployed_from
from demo.simulation import World
from reference_pipeline.pipeline import WARM_UP_BARS

Make = Callable[[World, np.random.Generator], Plan]


def private_model(world: World, generator: np.random.Generator) -> Plan:
    """The bot runs a model whose files nobody has kept."""
    plan = clean_plan(world)
    return replace(plan, scoring=replace(plan.scoring, bundles=((0.0, "private"),)))


def noise(world: World, generator: np.random.Generator) -> Plan:
    """What the bot emits carries noise that no rule explains."""
    size = float(generator.choice([0.01, 0.05]))

    def disturb(emitted: pd.DataFrame) -> pd.DataFrame:
        rows = len(emitted)
        return emitted.assign(
            **{
                side: np.clip(emitted[side] + generator.normal(0, size, rows), 0.0, 1.0)
                for side in ("long", "short")
            }
        )

    return replace(clean_plan(world), emitted=(disturb,))


def drifting_mix(world: World, generator: np.random.Generator) -> Plan:
    """The bot blends two models, and the weights drift from one to the other."""
    plan = clean_plan(world)
    vectors = reference_vectors(world)
    other = replace(plan, scoring=replace(plan.scoring, bundles=((0.0, "reversal"),)))
    second = probabilities(world, other, vectors)
    weight = np.linspace(0.1, 0.9, len(world.positions))

    def blend(emitted: pd.DataFrame) -> pd.DataFrame:
        return emitted.assign(
            long=(1 - weight) * emitted["long"] + weight * second[0],
            short=(1 - weight) * emitted["short"] + weight * second[1],
        )

    return replace(plan, emitted=(blend,))


def idle_lookback(world: World, generator: np.random.Generator) -> Plan:
    """The backtest has half the history, but no feature of the live model looks that far.

    It is never shorter than every feature's warm-up: without signals to compare, a lookback
    that is too short would be a cause indeed.
    """
    plan = clean_plan(world)
    scoring = replace(plan.scoring, bundles=((0.0, "trailing"),))
    plan = replace(plan, scoring=scoring, bundles={"trailing": world.bundles["trailing"]})
    return plan.configured(
        deployments=[{"bundle": "bundles/trailing", "from": deployed_from(world)}]
    ).backtest(lookback_bars=max(plan.lookback_bars // 2, WARM_UP_BARS + 1))


def idle_files(world: World, generator: np.random.Generator) -> Plan:
    """A renamed copy of the live bundle, another venue's candles, an old feature file: unused."""
    plan = clean_plan(world)
    seen = plan.seen
    plan = replace(wrong_candles.market_data(plan, world, 1, generator), seen=seen)
    old = wrong_history.pipeline_version(plan, world, 1, generator).code["code/features_v2.py"]
    copy = world.bundles["momentum"].renamed("momentum_copy")
    return replace(
        plan,
        bundles={**plan.bundles, "momentum_copy": copy},
        code={"code/features_old.py": old},
    )


def idle_threshold(world: World, generator: np.random.Generator) -> Plan:
    """The backtest's threshold is another number, between the same two signals."""
    plan = clean_plan(world)
    long, _ = probabilities(world, plan, reference_vectors(world))
    live = plan.bot["rule"]["long_threshold"]
    above = float(long[long >= live].min(initial=1.0))
    return plan.backtest(rule={"long_threshold": (live + above) / 2})


def csv_bot(world: World, generator: np.random.Generator) -> Plan:
    """A sound bot with a CSV of signals."""
    return clean_plan(world)


def column_bot(world: World, generator: np.random.Generator) -> Plan:
    """A sound bot whose feature log carries signals, bundle and history."""
    plan = clean_plan(world, signal_logs=("feature_log",))
    return replace(plan, counts_candles=True, names_bundle=True)


def text_bot(world: World, generator: np.random.Generator) -> Plan:
    """A sound bot that prints four decimals into a text log in Seoul time."""
    return clean_plan(world, signal_logs=("text",))


def silent_bot(world: World, generator: np.random.Generator) -> Plan:
    """A sound bot that logs features only."""
    return clean_plan(world, signal_logs=()).configured(signal_log=[])


def redeployed_bot(world: World, generator: np.random.Generator) -> Plan:
    """A sound bot that changed its bundle, as configured, after an outage."""
    plan = clean_plan(world)
    start = len(world.positions) // 2
    down = np.zeros(world.market.bars, dtype=bool)
    down[world.first + start : world.first + start + 30] = True
    moment = world.opens[start + 15].to_pydatetime()
    share = (start + 15) / len(world.positions)
    return replace(
        plan,
        is_down=down,
        scoring=replace(plan.scoring, bundles=((0.0, "momentum_v1"), (share, "momentum"))),
    ).configured(
        deployments=[
            {"bundle": "bundles/momentum_v1", "from": deployed_from(world), "until": moment},
            {"bundle": "bundles/momentum", "from": moment},
        ]
    )


def patchy_bot(world: World, generator: np.random.Generator) -> Plan:
    """A sound bot that lost log rows, though it saw every candle."""
    lost = generator.random(world.market.bars) < 0.03
    return replace(clean_plan(world), is_down=lost)


STRANGERS: tuple[Make, ...] = (private_model, noise, drifting_mix)
HARMLESS: tuple[Make, ...] = (idle_lookback, idle_files, idle_threshold)
CLEAN: tuple[Make, ...] = (csv_bot, column_bot, text_bot, silent_bot, redeployed_bot, patchy_bot)
