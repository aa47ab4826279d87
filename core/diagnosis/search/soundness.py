"""Is the comparison itself sound? Labels, unreal rows, and what makes two logs incomparable."""

from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Flags
from core.candles.reads import FEATURE_LOG
from core.diagnosis.evidence.drawn import drawn_rows, frozen_rows
from core.diagnosis.evidence.evidence import Evidence, PriceRows
from core.diagnosis.evidence.prices import MIN_ROWS, PriceCheck, check_prices, matches_at
from core.diagnosis.evidence.rows import CLOSE, CandleRows
from core.diagnosis.lab.trial import in_scope
from core.diagnosis.lab.world import Scope
from core.diagnosis.search.scoping import best_stretches
from core.diagnosis.search.witnesses import (
    SIGNALS,
    Claim,
    Says,
    Testimony,
    is_of_zone,
    testimonies,
)
from core.times import from_us, iso_z

_SHOWN_CANDLES = 200  # labels kept in a finding; their count tells how many there are
_NO_CLOSE = (
    "the prices of this log are no closes of these candles (at best {matches} of {rows} match): "
    "a ticker or a mark price, or another market; log the candle's close, or add its candles"
)
_DOUBTED = (
    "{matches} of {rows} prices equal the close {bars:+d} bars away, but {doubt}: a price that is "
    "no close of its candle, or labels that are off; log the candle's close and the time of writing"
)
_MAX_SHIFTS = 3  # beside the main one: both changes of a year's clock, and another host
_EVERYWHERE = 0.9  # of all rows match; the others are no stretch of another clock
_STRETCH_SHARE = 0.9  # of the rows of a claimed stretch: by chance fewer lie on their closes


@dataclass(frozen=True, kw_only=True)
class LabelShift:
    """One constant shift that the prices point to, and the spans of labels that it speaks of."""

    check: PriceCheck
    spans: tuple[tuple[int, int], ...]  # first and last label (µs); empty: all
    stretch: Flags  # per row of the log: inside the spans
    share: float  # of the rows of these spans, whose candle is stored, that match
    testimonies: tuple[Testimony, ...] = ()
    is_of_zone: bool = False

    @property
    def against(self) -> tuple[Testimony, ...]:
        return tuple(said for said in self.testimonies if said.says is Says.CONTRADICTS)

    @property
    def is_proven(self) -> bool:
        """Prices alone prove no shift: a zone explains it or a witness bears it out, none speaks
        against it, and nearly every row of the stretch has its price."""
        is_borne_out = self.is_of_zone or any(
            said.says is Says.SUPPORTS for said in self.testimonies
        )
        return self.may_be_true and is_borne_out

    @property
    def is_of_log(self) -> bool:
        """Whether something besides the backtest says that it is the log that is off."""
        return any(
            said.says is Says.SUPPORTS and said.witness != SIGNALS for said in self.testimonies
        )

    @property
    def may_be_true(self) -> bool:
        """Whether only support lacks: with another cause undone the signals may yet bear it out."""
        return self.check.is_proven and self.share >= _STRETCH_SHARE and not self.against

    def doubt(self) -> str | None:
        """Why a shift other than 0 is not believed, half a sentence; None for one that is."""
        bars = self.check.shift_bars
        if bars == 0 or self.is_proven:
            return None
        if self.against:
            return self.against[0].words
        if not self.check.is_proven:
            return "other shifts fit as well, or too few rows tell them apart"
        if self.share < _STRETCH_SHARE:
            return f"only {self.share * 100:.0f} % of the rows have such a price there"
        return (
            "no zone explains it, and neither the other side's signals nor the times of writing "
            "bear it out"
        )


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
    still: int = 0  # unmatched rows that repeat the last close before them
    is_of_both_logs: bool = False  # the feature log's labels are as far off as the signal log's
    doubted: LabelShift | None = None  # what most prices point to, where it is not believed

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
        if self.check is None:
            return None
        if self.doubted is not None:
            return _DOUBTED.format(
                matches=self.check.matches,
                rows=self.check.known_rows,
                bars=self.check.shift_bars,
                doubt=self.doubted.doubt(),
            )
        if self.is_close:
            return None
        return _NO_CLOSE.format(matches=self.check.matches, rows=self.check.known_rows)

    def document(self) -> dict[str, object]:
        """What the prices say, for the evidence of a finding."""
        evidence: dict[str, object] = {} if self.check is None else dict(self.check.evidence())
        evidence["candles"] = self.source
        if self.rows is not None:
            evidence["log"] = self.rows.log
        said = () if self.doubted is None else self.doubted.testimonies
        said = (*said, *(entry for shift in self.shifts for entry in shift.testimonies))
        if said:
            evidence["witnesses"] = [entry.document() for entry in said]
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
    pointed = _accepted(rows, candles, step, check) if check.is_close else []
    claimed = [_heard(evidence, rows, source, *entry) for entry in pointed]
    believed = [entry for entry in claimed if entry.doubt() is None]
    doubted = claimed[0] if claimed and claimed[0].doubt() is not None else None
    if doubted is not None:
        believed = []
    unmatched = check.known if believed else nothing
    for entry in believed:
        unmatched = unmatched & ~_match_at(rows, candles, step, entry.check.shift_bars)
    for name in _sources(rows, evidence):  # a price that any market had is no drawn one
        unmatched = unmatched & ~_match_at(rows, evidence.candles[name], step, check.shift_bars)
    drawn = drawn_rows(rows, unmatched, candles, step, check.shift_bars)
    still = frozen_rows(rows, unmatched, candles, step, check.shift_bars)
    is_proven = bool((drawn & check.outside).any())
    shifts = tuple(entry for entry in believed if entry.is_proven)
    return Soundness(
        rows=rows,
        source=source,
        check=check,
        shifts=shifts,
        unmatched=unmatched,
        unreal=drawn if is_proven else unmatched,
        outside=check.outside,
        unreal_is_proven=is_proven,
        still=int(still.sum()),
        is_of_both_logs=any(
            _is_of_both_logs(evidence, source, entry)
            for entry in (shifts[:1] or claimed[:1])
            if entry.may_be_true
        ),
        doubted=doubted,
    )


def _is_of_both_logs(evidence: Evidence, source: str, shift: LabelShift) -> bool:
    """Whether the feature log's own candles lie as far from their labels as the prices do."""
    own = evidence.candles.get(FEATURE_LOG)
    if own is None or source == FEATURE_LOG:
        return False
    rows = PriceRows(
        log=FEATURE_LOG,
        opens=own.opens,
        prices=own.values[:, CLOSE],
        steps=np.full(len(own.opens), np.nan),
    )
    candles, step = evidence.candles[source], evidence.timeframe.length_us
    here = matches_at(rows, candles).mean()
    there = _match_at(rows, candles, step, shift.check.shift_bars).mean()
    return bool(there >= _EVERYWHERE > here)


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
        again = check_prices(rows.at(unmatched), candles, step_us)
        if again is None or not again.is_borne_out:
            break
        matched = np.zeros(len(unmatched), dtype=bool)
        matched[np.flatnonzero(unmatched)[again.matched]] = True
        parts.append((again, matched))
        unmatched = unmatched & ~matched
    return parts


def _heard(
    evidence: Evidence, rows: PriceRows, source: str, check: PriceCheck, matched: Flags
) -> LabelShift:
    """The shift with the stretches in which most rows match at it, and what witnesses say of it."""
    spans = _spans(rows, matched)
    stretch = in_scope(Scope(spans), rows.opens)
    step = evidence.timeframe.length_us
    _, known = evidence.candles[source].at(rows.opens + check.shift_bars * step)
    share = float(matched[stretch & known].mean()) if (stretch & known).any() else 0.0
    claim = Claim(rows=rows, stretch=stretch, shift_bars=check.shift_bars, source=source)
    return LabelShift(
        check=check,
        spans=spans,
        stretch=stretch,
        share=share,
        testimonies=() if check.shift_bars == 0 else testimonies(evidence, claim),
        is_of_zone=is_of_zone(evidence, claim),
    )


def _spans(rows: PriceRows, matched: Flags) -> tuple[tuple[int, int], ...]:
    """First and last labels of the stretches in which most rows match; empty: everywhere."""
    if matched.mean() > _EVERYWHERE:
        return ()
    stretches = best_stretches(np.where(matched, 1.0, -1.0))
    return tuple((int(rows.opens[first]), int(rows.opens[last])) for first, last in stretches)


def _match_at(rows: PriceRows, candles: CandleRows, step_us: int, shift: int) -> Flags:
    return matches_at(replace(rows, opens=rows.opens + shift * step_us), candles)
