"""A world: a bot that was played with known changes, and what may truly be said of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.worlds.play import (
    Play,
    Setup,
    Shape,
    new_play,
    play_features,
    play_inputs,
    play_signals,
)

Stage = Callable[[Play], None]


@dataclass(frozen=True)
class Change:
    """One thing that is not as configured, by what it does at each stage.

    cause: its name in docs/diagnosis.md, empty where it has none. parameters: what a finding
    has to say, each a value or a tuple of values that are all true. allowed: further causes
    that would be literally true. axis: changes of one axis are not put together.
    """

    name: str
    cause: str = ""
    axis: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    hold: Stage | None = None
    features: Stage | None = None
    inputs: Stage | None = None
    signals: Stage | None = None
    writes: Stage | None = None


@dataclass(frozen=True)
class World:
    """family: what is reported together. comparison: the one that is asked about."""

    family: str
    name: str
    setup: Setup
    play: Play
    changes: tuple[Change, ...]
    comparison: str = "lab"
    is_asked_twice: bool = False  # the second time on a busy machine

    @property
    def truth(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.cause)

    @property
    def allowed(self) -> frozenset[str]:
        """Causes that are true of this world, the truths included."""
        named = {change.cause for change in self.truth}
        return frozenset(named).union(*(change.allowed for change in self.changes))


def play_world(family: str, setup: Setup, shape: Shape, changes: Sequence[Change]) -> World:
    """Play a setup with changes."""
    play = new_play(setup)
    play.shape = shape
    for stage, default in (
        ("hold", play_features),
        ("features", play_inputs),
        ("inputs", play_signals),
        ("signals", None),
        ("writes", None),
    ):
        for change in changes:
            act = getattr(change, stage)
            if act is not None:
                act(play)
        if default is not None:
            default(play)
    name = "+".join(change.name for change in changes) or "sound"
    return World(family, name, setup, play, tuple(changes))


def drawn_shape(rng: np.random.Generator) -> Shape:
    """A shape of logs as traders have them."""
    signals = str(rng.choice(["columns", "columns", "csv", "jsonl", "text"]))
    return Shape(
        signals=signals,
        time=str(rng.choice(["ms", "s", "iso"])),
        with_logged_at=bool(rng.random() < 0.75),
        with_price=bool(rng.random() < 0.8),
        with_candles=bool(rng.random() < 0.8),
        decimals=None if rng.random() < 0.7 else 4,
        shuffled=bool(rng.random() < 0.3),
        candle_file=str(rng.choice(["plain", "kline"])),
    )
