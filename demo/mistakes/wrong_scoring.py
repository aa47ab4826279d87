"""Mistakes between the feature row and the probability: what is emitted is no replay of the log."""

from dataclasses import replace

import numpy as np
import pandas as pd

from demo.bot import probabilities, reference_vectors
from demo.mistakes.wrong_labels import either
from demo.models import TrainedBundle
from demo.plan import Plan, Scoring
from demo.simulation import World

_RESTART_BARS = 14  # over an hour: what a redeployment with a cup of tea takes


def bundle(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """Another bundle was live: from a point on (small), or always (large)."""
    other = str(generator.choice(["momentum_v1", "reversal"]))
    live = plan.scoring.bundles[0][1]
    if size:
        return _scored(plan, bundles=((0.0, other),))
    start = float(generator.uniform(0.4, 0.6))
    return _scored(plan, bundles=((0.0, live), (start, other)))


def sides_swapped(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """LONG and SHORT changed places: since a restart (small), or always (large)."""
    if size:
        return _scored(plan, is_swapped=True)
    middle = len(world.positions) // 2
    down = np.zeros(world.market.bars, dtype=bool)
    down[world.positions[middle : middle + _RESTART_BARS]] = True
    restarted = world.opens[middle + _RESTART_BARS]

    def swap(emitted: pd.DataFrame) -> pd.DataFrame:
        after = emitted["candle_open"] >= restarted
        long, short = emitted["long"], emitted["short"]
        return emitted.assign(long=long.where(~after, short), short=short.where(~after, long))

    return replace(plan, is_down=either(plan.is_down, down), emitted=(*plan.emitted, swap))


def column_order(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The bot selects the model's columns by name but hands them over in another order.

    Small: in the order of its own frame; large: sorted by name.
    """
    return _scored(plan, order=("log", "alphabetical")[size])


def missing_features(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """A rename broke the lookup of a feature, and `.get(name, 0.0)` filled the hole.

    Small: one feature, large: three. The feature log still has the true values.
    """
    names = carriers(world, plan.scoring.bundles[0][1])[:8]
    chosen = generator.permutation(len(names))[: (1, 3)[size]]
    return _scored(plan, filled_with_zero=tuple(names[position] for position in chosen))


def scaler(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The predecessor's scaler was loaded (small), or none at all (large)."""
    return _scored(plan, scaler=("momentum_v1", "none")[size])


def threshold(plan: Plan, world: World, size: int, generator: np.random.Generator) -> Plan:
    """The backtest's LONG threshold is not the bot's; the signals are the same.

    Small: about a tenth of the candles lies between both, large: about a third.
    """
    long, _ = probabilities(world, plan, reference_vectors(world))
    live = plan.bot["rule"]["long_threshold"]
    below = float((long < live).mean())
    other = float(np.quantile(long, max(0.05, below - (0.1, 0.3)[size])))
    return plan.backtest(rule={"long_threshold": round(min(other, live - 0.02), 2)})


def carriers(world: World, name: str) -> list[str]:
    """Features of a bundle by how far both sides move when they are 0, farthest first."""
    vectors = reference_vectors(world)
    models: TrainedBundle = world.bundles[name]
    moved: dict[str, float] = {}
    for model in models.sides:
        matrix = vectors.select(model.features)
        usual = model.probabilities(matrix)
        for position, feature in enumerate(model.features):
            changed = matrix.copy()
            changed[:, position] = 0.0
            difference = float(np.abs(model.probabilities(changed) - usual).mean())
            moved[feature] = moved.get(feature, 0.0) + difference
    return sorted(moved, key=lambda feature: -moved[feature])


def _scored(plan: Plan, **changes: object) -> Plan:
    scoring: Scoring = replace(plan.scoring, **changes)  # type: ignore[arg-type]  # of any field
    return replace(plan, scoring=scoring)
