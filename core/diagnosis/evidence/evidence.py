"""Everything that one diagnosis knows, as plain records; nothing here reads a database."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.alignment.pairs import largest_aligned
from core.arrays import Flags, Floats, Ints
from core.bundle.load import Bundle
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.settings import BacktestSettings, BotSettings, GapPolicy, Mode
from core.times import Timeframe

# Constants of the entry rule by name, per label: production's and the backtest's.
Rules = tuple[Mapping[str, Floats], Mapping[str, Floats]]


class Kind(StrEnum):
    """What the other side of the comparison is."""

    REPLAY = "replay"  # the bundle on the logged features
    RECOMPUTED = "recomputed"  # the bundle on features recomputed from candles
    IMPORTED = "imported"  # signals from a file, perhaps with their features


class Recompute(Protocol):
    """A feature function run on windows of candles, each window ending at one candle open."""

    def __call__(
        self,
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: Mode,
        gap_policy: GapPolicy,
    ) -> FeatureRows: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRows:
    """Reference prices as the log labels them; one row a price, in the order of the labels."""

    log: str  # where they were written
    opens: Ints
    prices: Floats
    steps: Floats  # value of the last printed digit
    written: Ints | None = None  # when each row was logged (µs), 0 where unknown

    def at(self, rows: Flags) -> "PriceRows":
        """These rows alone."""
        return replace(
            self,
            opens=self.opens[rows],
            prices=self.prices[rows],
            steps=self.steps[rows],
            written=None if self.written is None else self.written[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAccount:
    """What the signal logs' own lines say about themselves."""

    duplicates: int = 0
    conflicts: int = 0
    double_writers: int = 0  # candles that two lines within a bar speak of
    label_zone: str | None = None  # as configured
    price_step: float | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One comparison of one bot in one window. Signals are candles × (LONG, SHORT).

    Made once, whole: no later room adds to it or alters it.
    """

    bot: BotSettings
    timeframe: Timeframe
    comparison: str
    kind: Kind
    from_: datetime | None
    until: datetime | None
    opens: Ints  # labels of production's candles, sorted, as configured
    production: Floats
    production_step: Floats  # value of the last printed digit, NaN: full precision
    emitted: Floats
    replay: Floats
    other: Floats  # the stored other side at the same labels
    other_step: Floats
    stored: FeatureRows  # the stored other side at all its candles; columns LONG, SHORT
    prices: PriceRows | None = None
    other_prices: PriceRows | None = None
    logged: FeatureRows | None = None
    logged_at: Ints | None = None  # of `logged`, 0 where unknown
    imported: FeatureRows | None = None
    candles: Mapping[str, CandleRows] = field(default_factory=dict)
    unfinished: Mapping[str, CandleRows] = field(default_factory=dict)
    bundles: tuple[Bundle, ...] = ()
    live: npt.NDArray[np.int64] | None = None  # per label: place in `bundles`, -1 unknown
    backtest: BacktestSettings | None = None
    backtest_bundle: int | None = None  # place in `bundles` when the backtest names one
    source: str | None = None  # candle source of the backtest
    pipelines: tuple[str, ...] = ()  # every known pipeline, the backtest's first
    recompute: Recompute | None = None
    tolerance: float | None = 0.1  # None: half of the last printed digit
    edges: tuple[int, ...] = ()  # where something is known to change (µs)
    account: LogAccount = LogAccount()
    rules: Rules | None = None  # per label
    recomputed: FeatureRows | None = None  # the stored rows, where re-running gives the same
    no_recompute: str | None = None  # why features cannot be computed again, a sentence
    max_candles: int | None = None  # that can be re-run in good time
    problems: tuple[str, ...] = ()  # inputs that could not be loaded, as sentences

    @property
    def floor(self) -> Floats:
        """Largest difference called equal: max(1e-6, half the last printed digit of either)."""
        return largest_aligned(np.fmax(self.production_step, self.other_step))

    @property
    def emitted_floor(self) -> Floats:
        return largest_aligned(self.production_step)

    @property
    def mostly_live(self) -> int | None:
        """Place of the bundle that was live on most of the window, None where none is known."""
        if self.live is None or not (self.live >= 0).any():
            return None
        return int(np.bincount(self.live[self.live >= 0]).argmax())

    @property
    def is_emitted(self) -> bool:
        return bool(np.isfinite(self.emitted).any())

    @property
    def has_pairs(self) -> bool:
        """Whether any candle has a signal on both sides, labels as configured."""
        return bool((np.isfinite(self.production) & np.isfinite(self.other)).any())

    def label_shift(self, places: npt.NDArray[np.int64], shift_bars: int) -> Ints:
        """How far each label moves when the signal log's labels do.

        Where nothing was emitted, production is the replay, and its label is the feature
        log's own: it stays.
        """
        if shift_bars == 0 or not self.is_emitted:
            return np.full(len(places), shift_bars, dtype="int64")
        is_emitted = np.isfinite(self.emitted[places]).any(axis=1)
        return np.where(is_emitted, shift_bars, 0)

    def without(self, labels: Ints) -> "Evidence":
        """All that is known of the other candles: everything that is kept a label, narrowed."""
        keep: Flags = ~np.isin(self.opens, labels)
        return replace(
            self,
            opens=self.opens[keep],
            production=self.production[keep],
            production_step=self.production_step[keep],
            emitted=self.emitted[keep],
            replay=self.replay[keep],
            other=self.other[keep],
            other_step=self.other_step[keep],
            live=None if self.live is None else self.live[keep],
            rules=None if self.rules is None else _kept(self.rules, keep),
        )

    @property
    def can_recompute(self) -> bool:
        return (
            self.recompute is not None
            and self.kind is Kind.RECOMPUTED
            and bool(self.candles)
            and bool(self.bundles)
        )


def _kept(rules: Rules, keep: Flags) -> Rules:
    mine, other = ({name: values[keep] for name, values in rule.items()} for rule in rules)
    return mine, other


def half_step(steps: Floats) -> Floats:
    """Half of the last printed digit of a price, a hair wider: as floats they are not exact."""
    return np.asarray(steps / 2 * (1 + 1e-9))
