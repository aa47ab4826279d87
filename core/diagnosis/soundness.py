"""Is the comparison itself sound? Labels, unreal rows, and what makes two logs incomparable."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.diagnosis.evidence import Evidence, PriceRows
from core.diagnosis.prices import MIN_ROWS, PriceCheck, check_prices, matches_at
from core.diagnosis.rows import CandleRows, Flags
from core.storage.reads.candles import FEATURE_LOG

_MAX_SHIFTS = 3


@dataclass(frozen=True, kw_only=True)
class LabelShift:
    """One constant shift that the prices prove, and the labels that it speaks of."""

    check: PriceCheck
    first_label: int
    last_label: int
    is_everywhere: bool


@dataclass(frozen=True, kw_only=True)
class Soundness:
    """What the reference prices say before any model is looked at."""

    rows: PriceRows | None
    source: str | None  # the candles that the prices were held against
    check: PriceCheck | None  # the shift that most rows follow
    shifts: tuple[LabelShift, ...]  # proven shifts, the strongest first
    unreal: Flags  # per row of `rows`: matches at no accepted shift
    outside: Flags  # per row: beyond its candle's range as well

    @property
    def is_close(self) -> bool:
        return self.check is not None and self.check.is_close

    @property
    def unreal_is_proven(self) -> bool:
        return self.is_close and bool((self.unreal & self.outside).any())

    def unreal_labels(self) -> np.ndarray:
        """Labels (µs) of the unreal rows."""
        if self.rows is None:
            return np.empty(0, dtype="int64")
        return np.asarray(np.unique(self.rows.opens[self.unreal]))


def check_soundness(evidence: Evidence) -> Soundness:
    """Hold the reference prices against the candles of the most fitting source."""
    rows = evidence.prices
    nothing = np.zeros(0 if rows is None else len(rows.opens), dtype=bool)
    chosen = None if rows is None else _fitting_source(rows, evidence)
    if rows is None or chosen is None:
        return Soundness(
            rows=rows, source=None, check=None, shifts=(), unreal=nothing, outside=nothing
        )
    source, check = chosen
    candles, step = evidence.candles[source], evidence.timeframe.length_us
    shifts = tuple(_proven_shifts(rows, candles, step, check))
    unmatched = check.known & ~check.matched
    for shift in shifts[1:]:
        unmatched &= ~_match_at(rows, candles, step, shift.check.shift_bars)
    for name in _sources(rows, evidence):  # a price that any market had is no drawn one
        unmatched &= ~_match_at(rows, evidence.candles[name], step, check.shift_bars)
    return Soundness(
        rows=rows,
        source=source,
        check=check,
        shifts=shifts,
        unreal=unmatched if check.is_close else nothing,
        outside=check.outside,
    )


def _fitting_source(rows: PriceRows, evidence: Evidence) -> tuple[str, PriceCheck] | None:
    """The backtest's candles where prices are their closes, else the source that fits best."""
    best: tuple[str, PriceCheck] | None = None
    for name in _sources(rows, evidence):
        check = check_prices(rows, evidence.candles[name], evidence.timeframe.length_us)
        if check is None:
            continue
        if best is None or _strength(check) > _strength(best[1]):
            best = (name, check)
        if check.is_close and check.matches >= 0.9 * check.rows:
            return name, check
    return best


def _strength(check: PriceCheck) -> int:
    return check.matches


def _sources(rows: PriceRows, evidence: Evidence) -> list[str]:
    """Independent candles first; the bot's own log says nothing about its own labels."""
    names = [name for name in evidence.candles if name != FEATURE_LOG]
    if evidence.source in names:
        names = [evidence.source, *(name for name in names if name != evidence.source)]
    if not names and rows.log != FEATURE_LOG and FEATURE_LOG in evidence.candles:
        names = [FEATURE_LOG]
    return names


def _proven_shifts(
    rows: PriceRows, candles: CandleRows, step_us: int, check: PriceCheck
) -> Iterator[LabelShift]:
    """The main shift, then shifts of the rows that it leaves unmatched."""
    if not check.is_close:
        return
    matched = check.matched
    if check.is_proven:
        yield _shift(rows, check, matched, is_everywhere=matched.mean() > 0.9)
    left = check.known & ~matched
    for _ in range(_MAX_SHIFTS):
        if left.sum() < MIN_ROWS:
            return
        part = PriceRows(
            log=rows.log, opens=rows.opens[left], prices=rows.prices[left], steps=rows.steps[left]
        )
        again = check_prices(part, candles, step_us)
        if again is None or not again.is_proven:
            return
        places = np.flatnonzero(left)[again.matched]
        found = np.zeros(len(left), dtype=bool)
        found[places] = True
        yield _shift(rows, again, found, is_everywhere=False)
        left = left & ~found


def _shift(
    rows: PriceRows, check: PriceCheck, matched: Flags, *, is_everywhere: bool
) -> LabelShift:
    labels = rows.opens[matched]
    return LabelShift(
        check=check,
        first_label=int(labels.min()),
        last_label=int(labels.max()),
        is_everywhere=is_everywhere,
    )


def _match_at(rows: PriceRows, candles: CandleRows, step_us: int, shift: int) -> Flags:
    return matches_at(replace(rows, opens=rows.opens + shift * step_us), candles)
