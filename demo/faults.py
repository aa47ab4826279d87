"""Every cause that the diagnosis knows, as something that goes wrong in a simulated bot.

A fault turns a plan (what the bot does, what its owner configured) into another
one. It leaves in the files what a real installation would have, and no more:
nothing in a workspace says which fault it carries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from demo.mistakes import (
    wrong_candles,
    wrong_features,
    wrong_history,
    wrong_labels,
    wrong_scoring,
)
from demo.plan import Plan
from demo.simulation import World

Inject = Callable[[Plan, World, int, np.random.Generator], Plan]
SIZES = (0, 1)  # small, large


@dataclass(frozen=True, slots=True)
class Fault:
    """One cause and how to bring it about."""

    cause: str
    inject: Inject


FAULTS: dict[str, Fault] = {
    function.__name__: Fault(function.__name__, function)
    for function in (
        wrong_labels.label_clock,
        wrong_labels.candle_offset,
        wrong_labels.unreal_rows,
        wrong_candles.unclosed_candle,
        wrong_candles.partial_candle,
        wrong_candles.market_data,
        wrong_candles.missing_candles,
        wrong_history.lookback,
        wrong_history.warm_up,
        wrong_history.row_position,
        wrong_history.pipeline_version,
        wrong_features.column_collision,
        wrong_scoring.column_order,
        wrong_scoring.missing_features,
        wrong_history.nan_policy,
        wrong_features.precision,
        wrong_features.stale_features,
        wrong_scoring.bundle,
        wrong_scoring.sides_swapped,
        wrong_scoring.scaler,
        wrong_scoring.threshold,
        wrong_candles.candle_label,
    )
}

# Two faults that can be in one installation and leave both provable.
PAIRS: tuple[tuple[str, str], ...] = (
    ("lookback", "bundle"),
    ("lookback", "label_clock"),
    ("lookback", "column_order"),
    ("lookback", "scaler"),
    ("market_data", "bundle"),
    ("market_data", "missing_features"),
    ("partial_candle", "sides_swapped"),
    ("partial_candle", "lookback"),
    ("missing_candles", "bundle"),
    ("missing_candles", "candle_offset"),
    ("precision", "column_order"),
    ("precision", "lookback"),
    ("stale_features", "scaler"),
    ("stale_features", "lookback"),
    ("column_collision", "bundle"),
    ("column_collision", "lookback"),
    ("pipeline_version", "sides_swapped"),
    ("unclosed_candle", "missing_features"),
    ("unreal_rows", "lookback"),
    ("row_position", "scaler"),
)


def inject(plan: Plan, world: World, names: Sequence[str], *, size: int = 1, seed: int = 0) -> Plan:
    """The plan with these faults, one after the other; raises KeyError for an unknown name."""
    for name in names:
        number = list(FAULTS).index(name) if name in FAULTS else None
        if number is None:
            raise KeyError(f'no fault named "{name}" (known: {", ".join(FAULTS)})')
        generator = np.random.default_rng([seed, number, size])
        plan = FAULTS[name].inject(plan, world, size, generator)
    return plan
