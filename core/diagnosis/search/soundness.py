"""Is the comparison itself sound? Labels, unreal rows, and what makes two logs incomparable."""

from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Flags
from core.candles.reads import FEATURE_LOG
from core.diagnosis.evidence.drawn import drawn_rows
from core.diagnosis.evidence.evidence import Evidence, PriceRows
from core.diagnosis.evidence.prices import MIN_ROWS, PriceCheck, check_prices, matches_at
from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.search.scoping import best_stretches
from core.times import from_us, iso_z

_SHOWN_CANDLES = 200  # labels kept in a finding; their count tells how many there are
_NO_CLOSE = (
    "the prices of this log are no closes of these candles (at best {matches} of {rows} match): "
    "a ticker or a mark price, or another market; log the candle's close, or add its candles"
)
_MAX_SHIFTS = 3  # beside the main one: both changes of a year's clock, and another host
_EVERYWHERE = 0.9  # of all rows match; the others are no stretch of another clock


@dataclass(frozen=True, kw_only=True)
class LabelShift:
    """One constant shift that the prices prove, and the spans of labels that it speaks of."""

    check: PriceCheck
    spans: tuple[tuple[int, int], ...]  # first and last label (µs); empty: all


@dataclass(frozen=True, kw_only=True)
class Soundness:
    """What the reference prices say before any model is looked at."""

    rows: PriceRows | None
    source: str | None  # the candles that the prices were held against
    check: PriceCheck | None  # the shift that most rows follow
    shifts: tuple[LabelShift, ...]  # proven shifts, the strongest first
    unmatched: Flags  # per row of `rows`: matches at no accepted shift, 0 among them
    unreal: Flags  # of these, the rows that no market wrote; all of them where none is proven
    outside: Flags  # per row: beyond its candle's range as well
    unreal_is_proven: bool  # some unreal rows are drawn, and outside their candle's range

    @property
    def is_close(self) -> bool:
        return self.check is not None and self.check.is_close

    def unreal_labels(self) -> np.ndarray:
        """Labels (µs) of the unreal rows."""
        if self.rows is None:
            return np.empty(0, dtype="int64")
        return np.asarray(np.unique(self.rows.opens[self.unreal]))

    def no_close(self) -> str | None:
        """Why the prices can tell nothing, where they are no closes; None where they are."""
        if self.check is None or self.is_close:
            return None
        return _NO_CLOSE.format(matches=self.check.matches, rows=self.check.known_rows)

    def document(self) -> dict[str, object]:
        """What the prices say, for the evidence of a finding."""
        evidence: dict[str, object] = {} if self.check is None else dict(self.check.evidence())
        evidence["candles"] = self.source
        if self.rows is not None:
            evidence["log"] = self.rows.log
        evidence["unreal_rows"] = int(self.unreal.sum())
        evidence["unreal_candles"] = [
            iso_z(from_us(int(label))) for label in self.unreal_labels()[:_SHOWN_CANDLES]
        ]
        return evidence


def check_soundness(evidence: Evidence) -> Soundness:
    """Hold the reference prices against the candles of the most fitting source."""
    rows = evidence.prices
    nothing = np.zeros(0 if rows is None else len(rows.opens), dtype=bool)
    chosen = None if rows is None else _fitting_source(rows, evidence)
    if rows is None or chosen is None:
        return Soundness(
            rows=rows,
            source=None,
            check=None,
            shifts=(),
            unmatched=nothing,
            unreal=nothing,
            outside=nothing,
            unreal_is_proven=False,
        )
    source, check = chosen
    candles, step = evidence.candles[source], evidence.timeframe.length_us
    accepted = _accepted(rows, candles, step, check) if check.is_close else []
    unmatched = check.known if accepted else nothing
    for entry, _ in accepted:
        unmatched = unmatched & ~_match_at(rows, candles, step, entry.shift_bars)
    for name in _sources(rows, evidence):  # a price that any market had is no drawn one
        unmatched = unmatched & ~_match_at(rows, evidence.candles[name], step, check.shift_bars)
    drawn = drawn_rows(rows, unmatched, candles, step, check.shift_bars)
    is_proven = bool((drawn & check.outside).any())
    return Soundness(
        rows=rows,
        source=source,
        check=check,
        shifts=tuple(_label_shift(rows, *entry) for entry in accepted if entry[0].is_proven),
        unmatched=unmatched,
        unreal=drawn if is_proven else unmatched,
        outside=check.outside,
        unreal_is_proven=is_proven,
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


def _accepted(
    rows: PriceRows, candles: CandleRows, step_us: int, check: PriceCheck
) -> list[tuple[PriceCheck, Flags]]:
    """The main shift, then shifts of the rows that it leaves unmatched, each with its rows.

    Shift 0 is one of them where the prices bear it out: a log may be right in part.
    """
    parts = [(check, check.matched)]
    unmatched = ~check.matched
    for _ in range(_MAX_SHIFTS):
        if unmatched.sum() < MIN_ROWS:
            break
        part = PriceRows(
            log=rows.log,
            opens=rows.opens[unmatched],
            prices=rows.prices[unmatched],
            steps=rows.steps[unmatched],
        )
        again = check_prices(part, candles, step_us)
        if again is None or not again.is_borne_out:
            break
        matched = np.zeros(len(unmatched), dtype=bool)
        matched[np.flatnonzero(unmatched)[again.matched]] = True
        parts.append((again, matched))
        unmatched = unmatched & ~matched
    return parts


def _label_shift(rows: PriceRows, check: PriceCheck, matched: Flags) -> LabelShift:
    """The shift with the stretches of the log in which most rows match at it."""
    if matched.mean() > _EVERYWHERE:
        return LabelShift(check=check, spans=())
    stretches = best_stretches(np.where(matched, 1.0, -1.0))
    spans = tuple((int(rows.opens[first]), int(rows.opens[last])) for first, last in stretches)
    return LabelShift(check=check, spans=spans)


def _match_at(rows: PriceRows, candles: CandleRows, step_us: int, shift: int) -> Flags:
    return matches_at(replace(rows, opens=rows.opens + shift * step_us), candles)
