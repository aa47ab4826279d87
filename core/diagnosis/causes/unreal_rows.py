"""unreal_rows: rows that no market wrote: drawn, interpolated, made up."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.arrays import Floats
from core.diagnosis.cause import Cause, Saying
from core.diagnosis.evidence.drawn import straight_rows
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.finding import Finding, Verdict, untestable
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Examination
from core.diagnosis.search.soundness import Soundness
from core.diagnosis.sentences import first_upper
from core.diagnosis.verdict import MIN_DIFFERING, explained_ratio
from core.market import SIDES
from core.times import from_us

CODE = "unreal_rows"


def _needs(evidence: Evidence) -> str | None:
    if evidence.prices is None:
        return (
            "no reference price stands beside the signals; "
            "write the candle's close into the signal log"
        )
    if not evidence.candles:
        return "no candles are stored to hold the prices against; add a [[bots.candles]] source"
    return None


def _say(entry: Change, evidence: Evidence) -> Saying:
    count = entry.values["unreal_rows"]
    return Saying(
        f"{count} rows of the signal log carry prices that the market did not have",
        "leaving these rows out",
        "Find what wrote these rows (a filled gap, a test, a script) and delete them from the log.",
    )


def _conclude(examination: Examination, whole: Evidence) -> Iterator[Finding]:
    """The rows whose prices no market had; refuted where each price equals a close."""
    sound = examination.soundness
    if sound.check is None:
        return
    no_close = sound.no_close()
    if no_close is not None:
        needs = first_upper(no_close)
        yield replace(untestable(CODE, needs + "."), evidence={"needs": needs} | sound.document())
        return
    count = int(sound.unreal.sum())
    if count == 0:
        if examination.differs:
            yield Finding(
                cause=CODE,
                verdict=Verdict.REFUTED,
                explained_ratio=0.0,
                evidence=sound.document(),
                summary=f"Not the cause: made-up rows; each of the {sound.check.known_rows} "
                "reference prices equals the close of a candle.",
            )
        return
    outside = int((sound.unreal & sound.outside).sum())
    if not sound.unreal_is_proven:
        needs = _near_the_market(sound, count, outside)
        yield replace(
            untestable(CODE, first_upper(needs) + "."),
            evidence={"needs": needs} | sound.document(),
        )
        return
    paired, differing = _pairs(examination, whole)
    if differing:
        yield _unreal(examination, whole, (count, outside), (paired, differing))
    elif examination.differs:
        yield _no_cause(sound, count, paired)


def _near_the_market(sound: Soundness, count: int, outside: int) -> str:
    if sound.still == count:
        return (
            f"{count} prices repeat the last close before them: the feed stood still rather than "
            "anybody making rows up; log the time of each candle that the feed gave"
        )
    where = "inside their candle's range" if outside == 0 else "near the market's price"
    return (
        f"{count} prices match no candle's close, but lie {where}: a ticker, a mark price "
        "or another venue rather than made-up rows; log the candle's close itself, or add "
        "that venue's candles under [[bots.candles]]"
    )


def _pairs(examination: Examination, whole: Evidence) -> tuple[int, int]:
    """Candles of unreal rows that are paired in this comparison, and of these, that differ."""
    unreal = np.isin(whole.opens, examination.soundness.unreal_labels())
    differences = np.abs(whole.production - whole.other)
    paired = np.isfinite(differences).any(axis=1) & unreal
    differs = (np.nan_to_num(differences) > whole.floor).any(axis=1) & unreal
    return int(paired.sum()), int(differs.sum())


def _no_cause(sound: Soundness, count: int, paired: int) -> Finding:
    why = (
        "the signals of these candles agree"
        if paired
        else "none of these candles is paired in this comparison"
    )
    return Finding(
        cause=CODE,
        verdict=Verdict.REFUTED,
        explained_ratio=0.0,
        held_out_candles=paired,
        evidence=sound.document(),
        summary=f"Not the cause: {count} rows carry prices that match no candle, but {why}.",
    )


def _unreal(
    examination: Examination, whole: Evidence, rows: tuple[int, int], pairs: tuple[int, int]
) -> Finding:
    """Proven where enough candles of these rows differ; a hint at most where few do.

    `rows`: unreal ones, and of these outside their candle's range; `pairs`: see `_pairs`.
    """
    sound = examination.soundness
    (count, outside), (paired, differing) = rows, pairs
    is_proven = differing >= MIN_DIFFERING
    shortfall = (
        ""
        if is_proven
        else f" Only {differing} of their candles differ; a proof needs {MIN_DIFFERING}."
    )
    ratio, residual = _explained_by_leaving_out(examination, whole)
    straight = _straight_share(sound)
    known = 0 if sound.check is None else sound.check.known_rows
    labels = sound.unreal_labels()
    smooth = f", {straight * 100:.0f} % of them on straight lines" if straight >= 0.5 else ""
    return Finding(
        cause=CODE,
        verdict=Verdict.PROVEN if is_proven else Verdict.PARTIAL,
        sides=SIDES,
        explained_ratio=ratio,
        residual_mean_abs_diff=residual,
        held_out_candles=paired,
        scope_candles=len(labels),
        parameters={},
        evidence={
            **sound.document(),
            "outside_range": outside,
            "straight_ratio": straight,
            "differing": differing,
        },
        summary=(
            f"{count} of {known} rows of the signal log carry "
            f"prices that match no candle{smooth}, {outside} of them outside their candle's "
            f"high–low range: no market wrote them. Find what wrote the rows from "
            f"{_day(labels[0])} on (a filled gap, a test, a script) and remove them; until then "
            f"leave them out of every comparison.{shortfall}"
        ),
    )


def _day(label: int) -> str:
    return f"{from_us(int(label)):%Y-%m-%d %H:%M} UTC"


def _explained_by_leaving_out(
    examination: Examination, whole: Evidence
) -> tuple[float | None, float | None]:
    """Share of all difference that lies in the unreal rows, and the mean left without them.

    None where no signal differs beyond the floor: there is nothing to explain.
    """
    search = examination.search
    places = np.flatnonzero(search.blocks.is_held_out)
    differences = search.differences(examination.accepted, places)
    unreal = np.isin(whole.opens, examination.soundness.unreal_labels())
    drawn = np.abs(whole.production - whole.other)[unreal]
    # half of the unreal rows stand for those of held-out blocks
    before: Floats = np.concatenate(
        [differences[np.isfinite(differences)], drawn[np.isfinite(drawn)][::2]]
    )
    after = np.concatenate(
        [
            differences[np.isfinite(differences)],
            np.zeros(len(before) - np.isfinite(differences).sum()),
        ]
    )
    mean = (
        float(differences[np.isfinite(differences)].mean())
        if np.isfinite(differences).any()
        else None
    )
    differs = examination.differs or bool((np.nan_to_num(drawn) > whole.floor[unreal]).any())
    return explained_ratio(before, after) if differs else None, mean


def _straight_share(sound: Soundness) -> float:
    """Share of unreal rows whose price lies on the line between its neighbours."""
    if sound.rows is None or not sound.unreal.any():
        return 0.0
    return float(straight_rows(sound.rows)[sound.unreal].mean())


CAUSE = Cause(
    code=CODE,
    noun="rows that no market wrote",
    needs=_needs,
    propose=lambda search: (),
    say=_say,
    conclude=_conclude,
    is_scoped=False,
)
