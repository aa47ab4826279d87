"""Rounds: the strongest cause is undone, the rest is diagnosed again, until nothing is found.

Every choice here is made on search blocks; verdicts come later, on held-out ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.diagnosis.cause import Cause
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Trial
from core.diagnosis.search.scoping import with_scope
from core.diagnosis.search.search import PROBES, Fit, Search, by_side, choose_probes

MAX_ROUNDS = 6  # more faults at once than anybody named; each round tries every cause
MIN_GAIN = 0.05  # less would be refuted on held-out candles
_SPECIFIC = 0.2  # share of differing candles made equal that no accident reaches
_NO_LOSS = 1e-9  # relative: the order of a sum, no difference
_WORTH_A_LOOK = 0.02  # on the probes, before all searched candles are re-run
_ALL = 0.98  # of the differing candles made equal: everything is explained


@dataclass(kw_only=True)
class Rounds:
    """What the rounds found: the accepted changes, and every trial on the way."""

    accepted: tuple[Change, ...] = ()
    trials: list[Trial] = field(default_factory=list)
    tested: set[str] = field(default_factory=set)  # causes of which a change was tried
    untried: set[str] = field(default_factory=set)  # causes that had no change to propose
    explains_all: bool = False  # no searched candle differs with the accepted changes


def run_rounds(
    search: Search,
    causes: Sequence[Cause],
    *,
    settled: Sequence[Change] = (),
    max_rounds: int = MAX_ROUNDS,
) -> Rounds:
    """Accept the strongest cause, prune, and go on while something is left to explain.

    `settled` changes stand on prices and witnesses, or explain all of their own path: no change
    that moves signals alike replaces them.
    """
    rounds = Rounds(accepted=search.accepted)
    ranks = {cause.code: (place, cause) for place, cause in enumerate(causes)}
    soft: set[Change] = set()
    for number in range(1, max_rounds + 1):
        search = with_probes(replace(search, accepted=rounds.accepted))
        if not _differs(search):
            rounds.explains_all = True
            break
        trials = _champions(search, causes, number, rounds)
        rounds.trials += trials
        winner = _strongest(trials, ranks)
        if winner is None or winner.after.repaired < _SPECIFIC:
            others = [*_exchanges(search, causes, number, soft), *_together(search, causes, number)]
            rounds.trials += others
            winner = _strongest([*trials, *others], ranks)
        if winner is None:
            break
        if winner.after.repaired < _SPECIFIC:
            soft.add(winner.change)
        base = replace(search, accepted=winner.accepted)
        rounds.accepted = _pruned(search, base.with_change(winner.change), settled)
    return rounds


def _champions(search: Search, causes: Sequence[Cause], number: int, rounds: Rounds) -> list[Trial]:
    """Each cause's champion; a costly cause is tried where no other explains everything."""
    trials: list[Trial] = []
    for cause in sorted(causes, key=lambda entry: entry.comes_last(search.evidence)):
        if cause.comes_last(search.evidence) and any(
            trial.after.repaired >= _ALL for trial in trials
        ):
            continue
        proposed = list(cause.propose(search))
        (rounds.tested if proposed else rounds.untried).add(cause.code)
        trial = _champion(search, cause, number, proposed)
        trials += [] if trial is None else [trial]
    return trials


def _exchanges(
    search: Search, causes: Sequence[Cause], number: int, soft: set[Change]
) -> list[Trial]:
    """Champions in place of an accepted change that made no candle equal: it may have stood in.

    Measured against what is left with everything accepted, like any other champion.
    """
    fit = search.fit(None, search.places)
    trials = []
    for entry in search.accepted:
        if entry not in soft:
            continue
        others = tuple(other for other in search.accepted if other is not entry)
        without = with_probes(replace(search, accepted=others))
        for cause in causes:
            is_tried = cause.code != entry.cause and not cause.comes_last(search.evidence)
            trial = _champion(without, cause, number, cause.propose(without)) if is_tried else None
            if trial is not None:
                trials.append(replace(trial, before=fit))
    return trials


def _together(search: Search, causes: Sequence[Cause], number: int) -> list[Trial]:
    """Champions beside a cause that helps only with them: two things wrong that hide each other."""
    fit = search.fit(None, search.places)
    champions = []
    for hidden in causes:
        partners = [cause for cause in causes if cause.code == hidden.shows_with]
        for entry in hidden.propose(search) if partners else ():
            beside = with_probes(replace(search, accepted=search.with_change(entry)))
            trials = [
                _champion(beside, partner, number, partner.propose(beside)) for partner in partners
            ]
            champions += [replace(trial, before=fit) for trial in trials if trial is not None]
    return [trial for trial in champions if trial.after.repaired >= _SPECIFIC]


def with_probes(search: Search) -> Search:
    """The search with probes chosen anew, by what differs now."""
    differences = search.differences(search.accepted, search.places)
    probes = choose_probes(differences, search.floor[search.places], search.places, PROBES)
    return replace(search, probes=probes)


def _differs(search: Search) -> bool:
    differences = search.differences(search.accepted, search.places)
    return bool((np.nan_to_num(differences) > search.floor[search.places]).any())


def _champion(
    search: Search, cause: Cause, number: int, proposed: Iterable[Change]
) -> Trial | None:
    """The best of a cause's changes, for the sides and the time in which it helps."""
    # A row has one label, so a wrong one is wrong for both of its signals.
    is_sided = not cause.moves_labels and (cause.acts_on_scoring or not cause.acts_on_features)
    best = search.best(proposed, is_sided=is_sided)
    if best is None:
        return None
    now, then = search.fit(None), search.fit(best)
    if then.mean > now.mean * (1 - _WORTH_A_LOOK) and then.repaired < _WORTH_A_LOOK:
        return _trial(search, cause, number, best, now, then)
    if cause.is_scoped:
        best = with_scope(search, best)
    if is_sided:
        best = by_side(search, best, search.places)
    before, after = search.fit(None, search.places), search.fit(best, search.places)
    return _trial(search, cause, number, best, before, after)


def _trial(
    search: Search, cause: Cause, number: int, best: Change, before: Fit, after: Fit
) -> Trial:
    return Trial(
        cause=cause.code,
        number=number,
        change=best,
        accepted=search.accepted,
        before=before,
        after=after,
    )


def _strongest(trials: Sequence[Trial], ranks: dict[str, tuple[int, Cause]]) -> Trial | None:
    """Most candles made equal, where that is no accident; else most difference removed.

    `ranks`: by code, the place in the catalogue and the cause.
    """
    able = [trial for trial in trials if _is_able(trial, ranks[trial.cause][1])]
    if not able:
        return None
    return max(able, key=lambda trial: (*strength(trial), -ranks[trial.cause][0]))


def _is_able(trial: Trial, cause: Cause) -> bool:
    if cause.is_exact and trial.after.made_equal == 0:
        return False  # whatever it removes, the model was not run like that
    is_specific = trial.after.repaired >= _SPECIFIC
    return trial.gain >= (MIN_GAIN if is_specific else cause.least_gain)


def strength(trial: Trial) -> tuple[float, float]:
    """What trials are ranked by; equal to two digits counts as equal."""
    repaired = trial.after.repaired if trial.after.repaired >= _SPECIFIC else 0.0
    return round(repaired, 2), round(trial.gain, 2)


def _pruned(
    search: Search, changes: tuple[Change, ...], settled: Sequence[Change]
) -> tuple[Change, ...]:
    """Without those earlier changes that explain nothing beside the others."""
    kept = list(changes)
    for entry in changes[:-1]:
        if entry in settled:
            continue
        others = tuple(other for other in kept if other is not entry)
        if _left(search, others) <= _left(search, tuple(kept)) * (1 + _NO_LOSS):
            kept.remove(entry)
    return tuple(kept)


def _left(search: Search, changes: tuple[Change, ...]) -> float:
    differences = search.differences(changes, search.places)
    base = search.differences((), search.places)
    after = np.where(np.isfinite(differences), differences, base)
    return float(np.nanmean(after)) if np.isfinite(after).any() else 0.0
