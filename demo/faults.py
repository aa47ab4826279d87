"""Every cause that the diagnosis knows, as something that goes wrong in a simulated bot.

A fault turns a plan (what the bot does, what its owner configured) into another
one. It leaves in the files what a real installation would have, and no more:
nothing in a workspace says which fault it carries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from demo.mistakes import candles, features, history, labels, scoring
from demo.plan import Plan
from demo.simulation import World

Inject = Callable[[Plan, World, int, np.random.Generator], Plan]
SIZES = (0, 1)  # small, large


@dataclass(frozen=True, slots=True)
class Fault:
    """One cause and how to bring it about."""

    cause: str
    inject: Inject

    @property
    def story(self) -> str:
        """What happens, in one sentence."""
        return (self.inject.__doc__ or "").partition("\n")[0]


FAULTS: dict[str, Fault] = {
    function.__name__: Fault(function.__name__, function)
    for function in (
        labels.label_clock,
        labels.candle_offset,
        labels.unreal_rows,
        candles.unclosed_candle,
        candles.partial_candle,
        candles.market_data,
        candles.missing_candles,
        history.lookback,
        history.warm_up,
        history.row_position,
        history.pipeline_version,
        features.column_collision,
        scoring.column_order,
        scoring.missing_features,
        history.nan_policy,
        features.precision,
        features.stale_features,
        scoring.bundle,
        scoring.sides_swapped,
        scoring.scaler,
        scoring.threshold,
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
