"""How one side of a comparison came about, as a record that a trial can change and re-run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from core.diagnosis.evidence.rows import CandleRows
from core.market import SIDES, Side
from core.settings import GapPolicy, Mode


class Source(StrEnum):
    """Where the features of a re-run come from."""

    RECOMPUTED = "recomputed"
    IMPORTED = "imported"
    LOGGED = "logged"
    STORED = "stored"  # no features: the stored probabilities themselves


@dataclass(frozen=True, slots=True)
class ColumnEdit:
    """A column takes another's values, or one constant; without both the scaler's mean."""

    target: str
    origin: str | None = None
    value: float | None = None


# A source's candles and another's → the candles that features are computed on.
CandleRule = Callable[[CandleRows, CandleRows], CandleRows]
# A model's features and the log's columns → the order of inputs; None where it cannot be made.
InputOrder = Callable[[tuple[str, ...], tuple[str, ...]], tuple[str, ...] | None]
FloatType = Literal["float32"]


@dataclass(frozen=True, slots=True)
class CandlePatch:
    """A rule that alters candles before features are computed, by those of a source."""

    rule: CandleRule
    source: str


class NanPolicy(StrEnum):
    """What stands in for a value that is not there."""

    ZERO = "zero"
    LAST = "last"  # the column's last value before it
    MEAN = "mean"  # the scaler's
    MINUS_ONE = "minus_one"


@dataclass(frozen=True, slots=True)
class OtherScaler:
    """The scaler of a bundle (its place in the evidence) in place of the model's own."""

    bundle: int | None  # None: no scaler at all


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Every input of a re-run. Two equal worlds give equal probabilities."""

    source: Source
    pipeline: str | None = None
    candles: str | None = None
    patches: tuple[CandlePatch, ...] = ()
    newest: str | None = None  # source of each window's last candle, as the bot saw it
    candle_dtype: FloatType | None = None
    candle_decimals: int | None = None
    lookback_bars: int = 0
    mode: Mode = Mode.WINDOW
    gap_policy: GapPolicy = GapPolicy.REFUSE  # whether windows may lack candles
    starts: tuple[tuple[int, int], ...] = ()  # (candle open µs, candles it saw): warm-up
    shift_bars: int = 0
    lag_bars: int = 0
    edits: tuple[ColumnEdit, ...] = ()
    dtype: FloatType | None = None
    decimals: int | None = None
    nan_policy: NanPolicy | None = None
    zero_when_missing: bool = False
    order: InputOrder | None = None
    bundle: int | None = None  # place in the evidence's bundles; None: as configured
    scaler: OtherScaler | None = None
    is_swapped: bool = False

    @property
    def feature_key(self) -> tuple[Any, ...]:
        """What decides the recomputed features."""
        return (
            self.source,
            self.pipeline,
            self.candles,
            self.patches,
            self.newest,
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


# What a cause changes: a function or a frozen record, so that equal alterations are equal.
Alteration = Callable[[World], World]


@dataclass(frozen=True, slots=True)
class Edited:
    """Columns are overwritten, after those that are already."""

    edits: tuple[ColumnEdit, ...]

    def __call__(self, world: World) -> World:
        return replace(world, edits=(*world.edits, *self.edits))


@dataclass(frozen=True, slots=True)
class Patched:
    """Candles are altered, after the rules that already do."""

    patch: CandlePatch

    def __call__(self, world: World) -> World:
        return replace(world, patches=(*world.patches, self.patch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One cause at work: what it changes in the world, for which sides and candles."""

    cause: str
    alter: Alteration
    parameters: tuple[tuple[str, Any], ...] = ()
    sides: tuple[Side, ...] = SIDES
    scope: Scope = field(default_factory=Scope)

    @property
    def values(self) -> dict[str, Any]:
        """Parameters by name, lists as lists."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.parameters
        }


def change(cause: str, alter: Alteration, parameters: Mapping[str, Any] | None = None) -> Change:
    """A change for both sides and all candles."""
    return Change(
        cause=cause,
        alter=alter,
        parameters=tuple(
            (name, tuple(value) if isinstance(value, list) else value)
            for name, value in (parameters or {}).items()
        ),
    )


def altered(world: World, changes: Iterable[Change]) -> World:
    """The world after these changes, in order."""
    for entry in changes:
        world = entry.alter(world)
    return world
