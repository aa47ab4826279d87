"""From accepted changes and trials to findings, by held-out candles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.arrays import Floats, Ints
from core.diagnosis.cause import Cause
from core.diagnosis.evidence.blocks import MIN_BLOCK_CANDLES, MIN_BLOCKS
from core.diagnosis.finding import Finding, Verdict
from core.diagnosis.lab.trial import in_scope
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Trial, is_as_good
from core.diagnosis.search.search import Search, replaces
from core.diagnosis.sentences import summary_of
from core.diagnosis.verdict import (
    REFUTED_RATIO,
    Judgement,
    judge,
)
from core.market import SIDES, Side
from core.times import from_us, iso_z

_SHOWN_STRETCHES = 3  # told with their times, so that the sentence stays one; the others counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One change with its verdict and the sides on which it made a difference."""

    change: Change
    judgement: Judgement
    sides: tuple[Side, ...]
    scope_candles: int


def judge_change(
    search: Search, entry: Change, accepted: Sequence[Change], *, most: int | None = None
) -> Judged:
    """Leave one change out of the accepted ones, and put it in: what does it explain?

    `most` bounds the held-out candles, spread evenly, where re-running them is slow.
    """
    others = tuple(other for other in accepted if other is not entry)
    evidence, blocks = search.evidence, search.blocks
    scoped = in_scope(entry.scope, evidence.opens)
    places = np.flatnonzero(blocks.is_held_out & scoped)
    if most is not None and len(places) > most:
        places = places[np.linspace(0, len(places) - 1, most).astype("int64")]
    before = search.differences(others, places)
    after = search.differences((*others, entry), places)
    sides = _sides(search, entry, others, np.flatnonzero(blocks.is_search & scoped))
    columns = [number for number, name in enumerate(SIDES) if name in sides]
    judgement = judge(
        before[:, columns],
        after[:, columns],
        search.floor[places][:, columns],
        blocks.block[places],
    )
    if judgement.verdict is Verdict.PROVEN and not blocks.is_enough:
        judgement = replace(
            judgement,
            verdict=Verdict.PARTIAL,
            shortfall=(
                f"too few candles: {blocks.count} blocks; a proof needs {MIN_BLOCKS} of "
                f"{MIN_BLOCK_CANDLES} candles each"
            ),
        )
    return Judged(change=entry, judgement=judgement, sides=sides, scope_candles=int(scoped.sum()))


def _sides(
    search: Search, entry: Change, others: tuple[Change, ...], places: Ints
) -> tuple[Side, ...]:
    """Sides of the change that move at all on searched candles; all of its sides if none does."""
    without = search.lab.probabilities(others, places)
    within = search.lab.probabilities((*others, entry), places)
    moved = np.nan_to_num(np.abs(within - without)) > search.floor[places]
    names = [
        name for number, name in enumerate(SIDES) if name in entry.sides and moved[:, number].any()
    ]
    return tuple(names) or entry.sides


def finding_of(
    cause: Cause,
    search: Search,
    judged: Judged,
    same_as: tuple[str, ...] = (),
    *,
    between: str = "",
) -> Finding:
    """The finding of an accepted change of this cause.

    `between`: the two sides whose difference was judged, where it is not the whole.
    """
    judgement = judged.judgement
    said = cause.say(judged.change, search.evidence)
    saying = replace(said, claim=said.claim + where_words(judged.change))
    return Finding(
        cause=cause.code,
        verdict=judgement.verdict,
        sides=judged.sides,
        explained_ratio=judgement.explained_ratio,
        residual_mean_abs_diff=judgement.residual_mean_abs_diff,
        held_out_candles=judgement.held_out_candles,
        scope_candles=judged.scope_candles,
        parameters=judged.change.values,
        same_as=same_as,
        evidence=counts_of(judgement) | _scope(judged.change),
        summary=summary_of(saying, judgement, same_as, between=between),
    )


def where_words(entry: Change) -> str:
    """Of which side and stretches a change speaks, where it is not all; empty otherwise."""
    side = f", for {entry.sides[0]} alone" if len(entry.sides) == 1 else ""
    ranges = entry.scope.ranges
    if not ranges:
        return side
    spans = [
        f"{from_us(first):%Y-%m-%d %H:%M} to {from_us(last):%Y-%m-%d %H:%M} UTC"
        for first, last in ranges[:_SHOWN_STRETCHES]
    ]
    more = len(ranges) - len(spans)
    also = f" and {more} more stretch{'es' if more != 1 else ''}" if more else ""
    return f"{side} ({', '.join(spans)}{also})"


def counts_of(judgement: Judgement) -> dict[str, object]:
    """The counts behind a verdict, for the evidence of a finding."""
    counts: dict[str, object] = {
        "differing": judgement.differing,
        "repaired": judgement.repaired,
        "agreed": judgement.agreed,
        "damaged": judgement.damaged,
    }
    return counts | ({"shortfall": judgement.shortfall} if judgement.shortfall else {})


def _scope(entry: Change) -> dict[str, object]:
    if not entry.scope.ranges:
        return {}
    return {
        "scope": [
            {"from": iso_z(from_us(first)), "last": iso_z(from_us(last))}
            for first, last in entry.scope.ranges
        ]
    }


def equals(
    search: Search, entry: Change, accepted: Sequence[Change], trials: Sequence[Trial]
) -> tuple[str, ...]:
    """Causes whose champion explains the held-out candles as well as an accepted change does."""
    winners = [trial for trial in trials if trial.change == entry]
    if not winners:
        return ()
    held = search.blocks.is_held_out & in_scope(entry.scope, search.evidence.opens)
    places = np.flatnonzero(held)
    reference = search.differences(accepted, places)
    names: dict[str, None] = {}
    for trial in trials:
        if trial.cause == entry.cause or not any(is_as_good(trial, w) for w in winners):
            continue
        instead = tuple(trial.change if other is entry else other for other in accepted)
        if _is_equal(search.differences(instead, places), reference, search.floor[places]):
            names[trial.cause] = None
    return tuple(names)


def _is_equal(mine: Floats, other: Floats, floor: Floats) -> bool:
    """Whether two explanations leave the same on 99 % of the candles, within the floor."""
    known = np.isfinite(mine) & np.isfinite(other)
    if not known.any():
        return False
    same = (np.abs(mine - other) <= floor) | (~np.isfinite(mine) & ~np.isfinite(other))
    return bool(same[np.isfinite(other)].mean() >= 0.99)


def best_ratio(search: Search, trials: Sequence[Trial]) -> tuple[float, Trial, Judgement] | None:
    """The round in which a cause explained most of the held-out difference."""
    best: tuple[float, Trial, Judgement] | None = None
    for trial in trials:
        kept = tuple(e for e in trial.accepted if not replaces(trial.change, e))
        judged = judge_change(
            search, trial.change, (*kept, trial.change), most=search.evidence.max_candles
        )
        ratio = judged.judgement.explained_ratio
        if ratio is not None and (best is None or ratio > best[0]):
            best = (ratio, trial, judged.judgement)
    return best


def is_refuted(ratio: float) -> bool:
    return ratio < REFUTED_RATIO
