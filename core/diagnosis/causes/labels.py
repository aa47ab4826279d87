"""label_clock and candle_offset: rows labelled with another candle than their own."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.candles.reads import FEATURE_LOG
from core.diagnosis.cause import Cause, Saying
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.label_zones import zone_of_shift
from core.diagnosis.evidence.prices import MAX_SHIFT_BARS, PriceCheck, check_prices
from core.diagnosis.finding import Finding, Verdict, untestable
from core.diagnosis.judging import finding_of, judge_change, where_words
from core.diagnosis.lab.world import Change, Scope, World, change
from core.diagnosis.search.examination import Examination
from core.diagnosis.search.search import Search
from core.diagnosis.search.soundness import LabelShift, Soundness
from core.diagnosis.sentences import first_upper
from core.times import from_us

LABEL_CLOCK = "label_clock"
CANDLE_OFFSET = "candle_offset"


@dataclass(frozen=True, slots=True)
class Shifted:
    """Production's labels name the candle so many bars later."""

    bars: int

    def __call__(self, world: World) -> World:
        return replace(world, shift_bars=self.bars)


def code_of_shift(shift_bars: int) -> str:
    return CANDLE_OFFSET if abs(shift_bars) == 1 else LABEL_CLOCK


def _needs(evidence: Evidence) -> str | None:
    if evidence.prices is None and evidence.kind == "imported" and evidence.imported is None:
        return None if np.isfinite(evidence.other).any() else _NEEDS_PRICES
    return None if np.isfinite(evidence.other).any() or evidence.prices else _NEEDS_PRICES


_NEEDS_PRICES = (
    "no reference price stands beside the signals and no other side to compare with; "
    "write the candle's close into the signal log"
)


def _propose_clock(search: Search) -> Iterator[Change]:
    yield from (entry for entry in _changes(search) if entry.cause == LABEL_CLOCK)


def _propose_offset(search: Search) -> Iterator[Change]:
    yield from (entry for entry in _changes(search) if entry.cause == CANDLE_OFFSET)


def _changes(search: Search) -> Iterator[Change]:
    """Shifts of production's labels, or of the imported backtest's where production's are right."""
    check = search.price_check
    if check is not None and check.is_close and check.shift_bars == 0:
        if search.evidence.kind is Kind.IMPORTED:
            for shift in _shifts_of_import(search):
                yield change(
                    code_of_shift(shift),
                    Shifted(-shift),
                    {"shift_bars": shift, "labels": search.evidence.comparison},
                )
        return
    for shift in _shifts(search):
        yield change(code_of_shift(shift), Shifted(shift), {"shift_bars": shift})


def _shifts_of_import(search: Search) -> list[int]:
    """Bars to add to the imported labels: by their own prices, else where signals agree best."""
    evidence = search.evidence
    rows = evidence.other_prices
    for source, candles in evidence.candles.items():
        if rows is None or source == FEATURE_LOG:
            continue
        check = check_prices(rows, candles, evidence.timeframe.length_us)
        if check is not None and check.is_close:
            return [check.shift_bars] if check.is_proven else []
    return [-shift for shift in _by_signals(search)]


def _shifts(search: Search) -> list[int]:
    """The shift that the prices prove; without prices those at which the signals agree best."""
    check = search.price_check
    if check is not None and check.is_close:
        return [check.shift_bars] if check.is_proven else []
    if check is not None:
        return []  # prices that are no closes of these candles: the labels stay untestable
    return _by_signals(search)


def _by_signals(search: Search) -> list[int]:
    """±1, and the shift at which the stored other side lies nearest."""
    stored, step = search.evidence.stored, search.evidence.timeframe.length_us
    opens, target = search.evidence.opens[search.probes], search.target[search.probes]
    best, least = 0, np.inf
    for shift in range(-MAX_SHIFT_BARS, MAX_SHIFT_BARS + 1):
        values, known = stored.at(opens + shift * step)
        if known.mean() < 0.5:
            continue
        distance = float(np.nanmean(np.abs(target - values)))
        if distance < least:
            best, least = shift, distance
    return [1, -1, best] if best else [1, -1]


def _zone(evidence: Evidence, shift_bars: int, scope: Scope) -> str | None:
    """The zone that the labels are really in, where a zone explains the shift."""
    if len(evidence.opens) == 0:
        return None
    middle = scope.ranges[0] if scope.ranges else (evidence.opens[0], evidence.opens[-1])
    moment = from_us((int(middle[0]) + int(middle[1])) // 2)
    shift = shift_bars * evidence.timeframe.length
    return zone_of_shift(evidence.account.label_zone, moment, shift)


def _say(entry: Change, evidence: Evidence) -> Saying:
    shift = int(entry.values["shift_bars"])
    if "labels" in entry.values:
        return _say_of_import(entry, evidence)
    zone = _zone(evidence, shift, entry.scope)
    configured = evidence.account.label_zone or "UTC"
    way = "later" if shift > 0 else "earlier"
    claim = f"the labels name another candle: the true one opens {_span(evidence, shift)} {way}"
    if zone is not None and abs(shift) > 1:
        claim += f"; the zone explains it, they are {zone} times read as {configured}"
        remedy = (
            f'Set the zone of the signal log to "{zone}" and ingest it again; labels that carry an '
            "offset of their own are corrected where they are written."
        )
    elif abs(shift) == 1:
        end = "close" if shift < 0 else "bar before"
        claim += f", as if the {end} were the label"
        remedy = "Label each row with its candle's open time, in the bot or in the export."
    else:
        remedy = f"Correct the clock or the zone of the labels by {shift:+d} bars."
    if entry.scope.ranges:
        remedy = (
            "Find what changed the labels' clock there (daylight saving, another host, a new "
            "version of the bot) and label each row with its candle's open in UTC; the zone of "
            "the signal log holds for all of it, so export those rows anew."
        )
    return Saying(claim, f"joining the candle {shift:+d} bars away", remedy)


def _say_of_import(entry: Change, evidence: Evidence) -> Saying:
    shift = int(entry.values["shift_bars"])
    way = "later" if shift > 0 else "earlier"
    return Saying(
        f"the imported backtest labels its rows with another candle: the true one opens "
        f"{_span(evidence, shift)} {way}",
        f"joining the backtest's row {-shift:+d} bars away",
        "Set zone (or candle_open) of this backtest so that each row names its candle's open.",
    )


def _span(evidence: Evidence, shift_bars: int) -> str:
    minutes = abs(shift_bars) * evidence.timeframe.length_s / 60
    amount = f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"
    bars = "bar" if abs(shift_bars) == 1 else "bars"
    return f"{amount} ({abs(shift_bars)} {bars})"


def _proven_clock(shift: LabelShift) -> Change | None:
    return _proven(LABEL_CLOCK, shift)


def _proven_offset(shift: LabelShift) -> Change | None:
    return _proven(CANDLE_OFFSET, shift)


def _proven(code: str, shift: LabelShift) -> Change | None:
    """A shift that the prices prove, where it is of this cause."""
    bars = shift.check.shift_bars
    if code_of_shift(bars) != code:
        return None
    return replace(change(code, Shifted(bars), {"shift_bars": bars}), scope=Scope(shift.spans))


def _conclude_clock(examination: Examination, whole: Evidence) -> Iterator[Finding]:
    return _conclude(CLOCK, examination)


def _conclude_offset(examination: Examination, whole: Evidence) -> Iterator[Finding]:
    return _conclude(OFFSET, examination)


def _conclude(cause: Cause, examination: Examination) -> Iterator[Finding]:
    """Shifts that the prices prove; untestable by prices that are none; else refuted by them."""
    sound = examination.soundness
    if sound.check is None:
        return
    no_close = sound.no_close()
    shifts = [entry for entry in examination.accepted if entry.cause == cause.code]
    if no_close is not None and shifts:
        return  # borne out by the signals once another cause was undone, and judged by them
    if no_close is not None:
        needs = first_upper(no_close)
        yield replace(
            untestable(cause.code, needs + "."), evidence={"needs": needs} | sound.document()
        )
        return
    for entry in shifts:
        if entry in examination.label_changes:
            yield _shift_finding(cause, examination, entry)
    if not shifts and examination.differs:
        yield _unshifted(cause, sound, sound.check)


def _shift_finding(cause: Cause, examination: Examination, entry: Change) -> Finding:
    """A shift stands on its prices; what it explains of the signals is told beside it."""
    sound = examination.soundness
    bars = int(entry.values["shift_bars"])
    shift = next(s for s in sound.shifts if s.check.shift_bars == bars)
    check = shift.check
    judged = judge_change(examination.search, entry, examination.accepted)
    base = finding_of(cause, examination.search, judged)
    zone = _zone(examination.evidence, bars, entry.scope)
    saying = cause.say(entry, examination.evidence)
    if abs(bars) == 1 and not shift.is_of_log:
        saying = _say_of_either(saying, bars, str(sound.source))
    price_words = (
        f"{check.matches} of {check.known_rows} reference prices equal the close "
        f"{bars:+d} bars away, {check.matches_as_configured} equal it as configured"
    )
    ratio = base.explained_ratio
    effect = (
        "no other side can be joined there, so the verdict stands on the prices"
        if ratio is None
        else f"{saying.trial} removes {_share(ratio)} of the difference on "
        f"{base.held_out_candles:,} held-out candles"
    )
    has_signals = base.residual_mean_abs_diff is not None
    return replace(
        base,
        verdict=Verdict.PROVEN,
        explained_ratio=ratio if has_signals else None,
        held_out_candles=base.held_out_candles if has_signals else check.held_out_rows,
        evidence={**sound.document(), **check.evidence(), **base.evidence}
        | ({"zone": zone} if zone and entry.cause == LABEL_CLOCK else {}),
        summary=f"{first_upper(saying.claim)}{where_words(entry)}. {price_words}; {effect}. "
        f"{saying.remedy}",
    )


def _say_of_either(saying: Saying, bars: int, source: str) -> Saying:
    """Prices and signals say how far log and source are apart, not which of them is off."""
    return Saying(
        f'either the log or the source "{source}" names each candle one bar off: they agree '
        f"{bars:+d} bars apart, and nothing independent of both tells which",
        saying.trial,
        f"See which of them labels its rows with the candle's open; {saying.remedy[:1].lower()}"
        f'{saying.remedy[1:]} Else mend the labels of "{source}".',
    )


def _share(ratio: float) -> str:
    return "all" if ratio >= 0.9995 else f"{ratio * 100:.0f} %"


def _unshifted(cause: Cause, sound: Soundness, check: PriceCheck) -> Finding:
    shift = check.shift_bars
    if shift == 0:
        words = (
            f"{check.matches} of {check.known_rows} reference prices equal the "
            "close of the very candle they are labelled with"
        )
    else:
        words = f"the reference prices point to a shift of {shift:+d} bars, which is " + (
            code_of_shift(shift)
        )
    return Finding(
        cause=cause.code,
        verdict=Verdict.REFUTED,
        explained_ratio=0.0,
        held_out_candles=check.held_out_rows,
        evidence=sound.document(),
        summary=f"Not the cause: {cause.noun}; {words}.",
    )


CLOCK = Cause(
    code=LABEL_CLOCK,
    noun="a wrong clock or zone of the labels",
    needs=_needs,
    propose=_propose_clock,
    say=_say,
    conclude=_conclude_clock,
    proven_by=_proven_clock,
    moves_labels=True,
    acts_on_features=True,
    acts_on_scoring=True,
)
OFFSET = Cause(
    code=CANDLE_OFFSET,
    noun="a label one candle off",
    needs=_needs,
    propose=_propose_offset,
    say=_say,
    conclude=_conclude_offset,
    proven_by=_proven_offset,
    moves_labels=True,
    acts_on_features=True,
    acts_on_scoring=True,
)
