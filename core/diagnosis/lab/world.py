"""How one side of a comparison came about, as a record that a trial can change and re-run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from core.diagnosis.evidence.evidence import SIDE_NAMES
from core.settings import GapPolicy, Mode


class Source(StrEnum):
    """Where the features of a re-run come from."""

    RECOMPUTED = "recomputed"
    IMPORTED = "imported"
    LOGGED = "logged"
    STORED = "stored"  # no features: the stored probabilities themselves


@dataclass(frozen=True, slots=True)
class ColumnEdit:
    """A column takes another's values, or one constant; "mean" is the scaler's mean."""

    target: str
    origin: str | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class CandlePatch:
    """A rule that alters candles before features are computed (see trial inputs)."""

    rule: str  # drop, fill, logged_rows, last_row, other_rows
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Every input of a re-run. Two equal worlds give equal probabilities."""

    source: Source
    pipeline: str | None = None
    candles: str | None = None
    patches: tuple[CandlePatch, ...] = ()
    candle_dtype: str | None = None
    candle_decimals: int | None = None
    lookback_bars: int = 0
    mode: Mode = Mode.WINDOW
    gap_policy: GapPolicy = GapPolicy.REFUSE  # whether windows may lack candles
    starts: tuple[tuple[int, int], ...] = ()  # (candle open µs, candles it saw): warm-up
    shift_bars: int = 0
    lag_bars: int = 0
    edits: tuple[ColumnEdit, ...] = ()
    dtype: str | None = None
    decimals: int | None = None
    nan_policy: str | None = None
    zero_when_missing: bool = False
    order: str | None = None
    bundle: int | None = None  # place in the evidence's bundles; None: as configured
    scaler: int | str | None = None  # "none", or the bundle whose scaler it is
    is_swapped: bool = False

    @property
    def feature_key(self) -> tuple[Any, ...]:
        """What decides the recomputed features."""
        return (
            self.source,
            self.pipeline,
            self.candles,
            self.patches,
            self.candle_dtype,
            self.candle_decimals,
            self.lookback_bars,
            self.mode,
            self.gap_policy,
            self.starts,
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Which candles (labels, µs, both included) a change speaks of; empty: all of them."""

    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One cause at work: what it changes in the world, for which sides and candles."""

    cause: str
    update: tuple[tuple[str, Any], ...]
    parameters: tuple[tuple[str, Any], ...] = ()
    sides: tuple[str, ...] = SIDE_NAMES
    scope: Scope = field(default_factory=Scope)

    @property
    def values(self) -> dict[str, Any]:
        """Parameters by name, lists as lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.parameters
        }


def change(
    cause: str, update: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
) -> Change:
    """A change for both sides and all candles."""
    return Change(
        cause=cause,
        update=tuple(update.items()),
        parameters=tuple(
            (name, tuple(value) if isinstance(value, list) else value)
            for name, value in (parameters or {}).items()
        ),
    )


def altered(world: World, changes: Iterable[Change]) -> World:
    """The world after these changes, in order; edits and patches add up."""
    for entry in changes:
        update = dict(entry.update)
        for name in ("edits", "patches"):
            if name in update:
                update[name] = (*getattr(world, name), *update[name])
        world = replace(world, **update)
    return world
