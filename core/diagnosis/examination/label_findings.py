"""What the reference prices prove: shifted labels and rows that no market wrote."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.arrays import Floats
from core.diagnosis.causes.catalogue import BY_CODE
from core.diagnosis.causes.labels import (
    CANDLE_OFFSET,
    LABEL_CLOCK,
    LABEL_CODES,
    code_of_shift,
    zone_of_shift,
)
from core.diagnosis.causes.unreal_rows import CODE as UNREAL_ROWS
from core.diagnosis.evidence.drawn import straight_rows
from core.diagnosis.evidence.evidence import SIDE_NAMES, Evidence
from core.diagnosis.finding import Finding, Verdict, untestable
from core.diagnosis.judging import finding_of, judge_change, where_words
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Examination
from core.diagnosis.search.soundness import Soundness
from core.diagnosis.sentences import first_upper
from core.diagnosis.verdict import explained_ratio
from core.times import from_us, iso_z

_SHOWN_CANDLES = 200
_NO_CLOSE = (
    "the prices of this log are no closes of these candles (at best {matches} of {rows} match): "
    "a ticker or a mark price, or another market; log the candle's close, or add its candles"
)


def label_findings(found: Examination, whole: Evidence) -> Iterator[Finding]:
    """Findings of label_clock, candle_offset and unreal_rows; the refuted ones too."""
    sound = found.soundness
    if sound.check is None:
        return
    if not sound.is_close:
        needs = first_upper(
            _NO_CLOSE.format(matches=sound.check.matches, rows=sound.check.known_rows)
        )
        for code in (LABEL_CLOCK, CANDLE_OFFSET, UNREAL_ROWS):
            yield replace(untestable(code, needs + "."), evidence={"needs": needs} | _prices(sound))
        return
    shifted = set()
    for entry in found.accepted:
        if entry.cause in LABEL_CODES:
            shifted.add(entry.cause)
        if entry in found.label_changes:
            yield _shift_finding(found, entry)
    for code in (LABEL_CLOCK, CANDLE_OFFSET):
        if code not in shifted and found.differs:
            yield _unshifted(found, code)
    yield from _unreal_finding(found, whole)


def _prices(sound: Soundness) -> dict[str, object]:
    evidence: dict[str, object] = {} if sound.check is None else dict(sound.check.evidence())
    evidence["candles"] = sound.source
    if sound.rows is not None:
        evidence["log"] = sound.rows.log
    evidence["unreal_rows"] = int(sound.unreal.sum())
    evidence["unreal_candles"] = [
        iso_z(from_us(int(label))) for label in sound.unreal_labels()[:_SHOWN_CANDLES]
    ]
    return evidence


def _shift_finding(found: Examination, entry: Change) -> Finding:
    """A shift stands on its prices; what it explains of the signals is told beside it."""
    sound = found.soundness
    bars = int(entry.values["shift_bars"])
    check = next(s.check for s in sound.shifts if s.check.shift_bars == bars)
    judged = judge_change(found.search, entry, found.accepted)
    base = finding_of(BY_CODE[entry.cause], found.search, judged)
    zone = zone_of_shift(found.evidence, bars, entry.scope)
    saying = BY_CODE[entry.cause].say(entry, found.evidence)
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
        evidence={**_prices(sound), **check.evidence(), **base.evidence}
        | ({"zone": zone} if zone and entry.cause == LABEL_CLOCK else {}),
        summary=f"{first_upper(saying.claim)}{where_words(entry)}. {price_words}; {effect}. "
        f"{saying.remedy}",
    )


def _share(ratio: float) -> str:
    return "all" if ratio >= 0.9995 else f"{ratio * 100:.0f} %"


def _unshifted(found: Examination, code: str) -> Finding:
    sound = found.soundness
    check = sound.check
    shift = 0 if check is None else check.shift_bars
    matches = 0 if check is None else check.matches
    if shift == 0:
        words = (
            f"{matches} of {0 if check is None else check.known_rows} reference prices equal the "
            "close of the very candle they are labelled with"
        )
    else:
        words = f"the reference prices point to a shift of {shift:+d} bars, which is " + (
            code_of_shift(shift)
        )
    noun = BY_CODE[code].noun
    return Finding(
        cause=code,
        verdict=Verdict.REFUTED,
        explained_ratio=0.0,
        held_out_candles=0 if check is None else check.held_out_rows,
        evidence=_prices(sound),
        summary=f"Not the cause: {noun}; {words}.",
    )


def _unreal_finding(found: Examination, whole: Evidence) -> Iterator[Finding]:
    sound = found.soundness
    count = int(sound.unreal.sum())
    if count == 0:
        if found.differs and sound.check is not None:
            yield Finding(
                cause=UNREAL_ROWS,
                verdict=Verdict.REFUTED,
                explained_ratio=0.0,
                evidence=_prices(sound),
                summary=f"Not the cause: made-up rows; each of the {sound.check.known_rows} "
                "reference prices equals the close of a candle.",
            )
        return
    outside = int((sound.unreal & sound.outside).sum())
    if not sound.unreal_is_proven:
        where = "inside their candle's range" if outside == 0 else "near the market's price"
        needs = (
            f"{count} prices match no candle's close, but lie {where}: a ticker, a mark price "
            "or another venue rather than made-up rows; log the candle's close itself, or add "
            "that venue's candles under [[bots.candles]]"
        )
        yield replace(
            untestable(UNREAL_ROWS, first_upper(needs) + "."),
            evidence={"needs": needs} | _prices(sound),
        )
        return
    yield _proven_unreal(found, whole, count, outside)


def _proven_unreal(found: Examination, whole: Evidence, count: int, outside: int) -> Finding:
    sound = found.soundness
    ratio, residual = _explained_by_leaving_out(found, whole)
    straight = _straight_share(sound)
    known = 0 if sound.check is None else sound.check.known_rows
    labels = sound.unreal_labels()
    smooth = f", {straight * 100:.0f} % of them on straight lines" if straight >= 0.5 else ""
    return Finding(
        cause=UNREAL_ROWS,
        verdict=Verdict.PROVEN,
        sides=SIDE_NAMES,
        explained_ratio=ratio,
        residual_mean_abs_diff=residual,
        held_out_candles=int(found.search.blocks.is_held_out.sum()),
        scope_candles=len(labels),
        parameters={},
        evidence={**_prices(sound), "outside_range": outside, "straight_ratio": straight},
        summary=(
            f"{count} of {known} rows of the signal log carry "
            f"prices that match no candle{smooth}, {outside} of them outside their candle's "
            f"high–low range: no market wrote them. Find what wrote the rows from "
            f"{_day(labels[0])} on (a filled gap, a test, a script) and remove them; until then "
            "leave them out of every comparison."
        ),
    )


def _day(label: int) -> str:
    return f"{from_us(int(label)):%Y-%m-%d %H:%M} UTC"


def _explained_by_leaving_out(
    found: Examination, whole: Evidence
) -> tuple[float | None, float | None]:
    """Share of all difference that lies in the unreal rows, and the mean left without them.

    None where no signal differs beyond the floor: there is nothing to explain.
    """
    search = found.search
    places = np.flatnonzero(search.blocks.is_held_out)
    left = search.differences(found.accepted, places)
    unreal = np.isin(whole.opens, found.soundness.unreal_labels())
    drawn = np.abs(whole.production - whole.other)[unreal]
    # half of the unreal rows stand for those of held-out blocks
    before: Floats = np.concatenate([left[np.isfinite(left)], drawn[np.isfinite(drawn)][::2]])
    after = np.concatenate(
        [left[np.isfinite(left)], np.zeros(len(before) - np.isfinite(left).sum())]
    )
    mean = float(left[np.isfinite(left)].mean()) if np.isfinite(left).any() else None
    differs = found.differs or bool((np.nan_to_num(drawn) > whole.floor[unreal]).any())
    return explained_ratio(before, after) if differs else None, mean


def _straight_share(sound: Soundness) -> float:
    """Share of unreal rows whose price lies on the line between its neighbours."""
    if sound.rows is None or not sound.unreal.any():
        return 0.0
    return float(straight_rows(sound.rows)[sound.unreal].mean())
