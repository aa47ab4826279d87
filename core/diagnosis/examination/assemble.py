"""From an examination to the findings, strongest first, and what stays unexplained."""

from collections.abc import Iterator

import numpy as np

from core.diagnosis.cause import Cause
from core.diagnosis.causes.catalogue import BY_CODE, CAUSES
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.finding import VERDICT_ORDER, Finding, Verdict, untestable
from core.diagnosis.judging import Judged, best_ratio, equals, finding_of, is_refuted, judge_change
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Examination
from core.diagnosis.sentences import first_upper, refuted_sentence


def drop_refuted(examination: Examination) -> None:
    """Take back what search blocks accepted and held-out ones refute, one after the other."""
    while True:
        judged = [
            _judge(examination, entry)
            for entry in examination.accepted
            if entry not in examination.label_changes
        ]
        refuted = [j for j in judged if j.judgement.verdict is Verdict.REFUTED]
        if not refuted:
            return
        worst = min(refuted, key=lambda j: j.judgement.explained_ratio or 0.0).change
        examination.accepted = tuple(entry for entry in examination.accepted if entry is not worst)


def findings_of(examination: Examination, whole: Evidence) -> tuple[Finding, ...]:
    """Every cause that can be spoken of: proven, partial, refuted, untestable, in this order.

    Where nothing differs only what the prices or the rules prove is told, and that the
    prices can tell nothing of the labels: signals that agree do not make them right.
    """
    # What concludes for itself is told before or after the accepted changes, by its place in
    # the catalogue; several proven shifts in the order in which the prices found them.
    concluded = [
        (place, finding)
        for place, cause in enumerate(CAUSES)
        if cause.conclude is not None
        for finding in cause.conclude(examination, whole)
    ]
    first_plain = next(place for place, cause in enumerate(CAUSES) if cause.conclude is None)
    before = [finding for place, finding in concluded if place < first_plain]
    after = [finding for place, finding in concluded if place > first_plain]
    before.sort(key=lambda finding: _strength_of_shift(examination, finding))
    findings = [*before, *_accepted(examination), *after]
    if examination.differs or not whole.has_pairs:
        findings += _others(examination, {finding.cause for finding in findings})
    else:
        findings = [f for f in findings if f.verdict is not Verdict.REFUTED]
    return tuple(sorted(findings, key=lambda f: VERDICT_ORDER.index(f.verdict)))


def _strength_of_shift(examination: Examination, finding: Finding) -> int:
    """The place of a proven shift among those of the prices, the strongest first; others after."""
    for place, entry in enumerate(examination.label_changes):
        if (entry.cause, entry.values) == (finding.cause, finding.parameters):
            return place
    return len(examination.label_changes)


def _accepted(examination: Examination) -> Iterator[Finding]:
    """Accepted changes, by the difference that each explains."""
    judged = [
        _judge(examination, entry)
        for entry in examination.accepted
        if entry not in examination.label_changes
    ]
    for entry in sorted(judged, key=lambda j: -(j.judgement.explained_ratio or 0.0)):
        search, accepted, words = examination.judged_on(entry.change)
        same_as = equals(search, entry.change, accepted, examination.trials)
        yield finding_of(BY_CODE[entry.change.cause], search, entry, same_as, between=words)


def _judge(examination: Examination, entry: Change) -> Judged:
    search, accepted, _ = examination.judged_on(entry)
    return judge_change(search, entry, accepted)


def _others(examination: Examination, named: set[str]) -> Iterator[Finding]:
    """Causes that were refuted or could not be tested."""
    for cause in CAUSES:
        if cause.code in named or not cause.is_tried:
            continue
        needs = cause.needs(examination.evidence)
        if needs is not None:
            yield untestable(cause.code, first_upper(needs) + ".")
        elif cause.code in examination.tested:
            refuted = _refuted(examination, cause)
            if refuted is not None:
                yield refuted
        elif cause.code in examination.untried:
            yield untestable(
                cause.code,
                f"Not tried: {cause.noun}; these inputs hold nothing to try in its place.",
            )
        elif (words := _agreement(examination, cause)) is not None:
            yield Finding(
                cause=cause.code,
                verdict=Verdict.REFUTED,
                explained_ratio=0.0,
                scope_candles=len(examination.evidence.opens),
                summary=f"Not the cause: {cause.noun}; {words}.",
            )


def _agreement(examination: Examination, cause: Cause) -> str | None:
    """Why a cause needs no trial: the path on which it acts shows no difference at all."""
    if cause.acts_on_features and not cause.acts_on_scoring and examination.feature_path_agrees:
        return "replay and backtest agree, so the features are the same on both sides"
    if cause.acts_on_scoring and not cause.acts_on_features and examination.model_path_agrees:
        return "emitted signals equal the replay, so features are scored as configured"
    return None


def _refuted(examination: Examination, cause: Cause) -> Finding | None:
    """Refuted if no round's champion explained 5 %; None for one that another cause replaced."""
    trials = [trial for trial in examination.trials if trial.cause == cause.code]
    best = best_ratio(examination.search, trials)
    if best is None:
        return Finding(
            cause=cause.code,
            verdict=Verdict.REFUTED,
            explained_ratio=0.0,
            scope_candles=len(examination.evidence.opens),
            summary=refuted_sentence(cause.noun, None, None, 0),
        )
    ratio, trial, judgement = best
    if not is_refuted(ratio):
        return None
    words = cause.say(trial.change, examination.evidence).trial
    return Finding(
        cause=cause.code,
        verdict=Verdict.REFUTED,
        explained_ratio=ratio,
        residual_mean_abs_diff=judgement.residual_mean_abs_diff,
        held_out_candles=judgement.held_out_candles,
        scope_candles=len(examination.evidence.opens),
        parameters=trial.change.values,
        summary=refuted_sentence(cause.noun, words, ratio, judgement.held_out_candles),
    )


def unexplained_ratio(examination: Examination, whole: Evidence) -> float | None:
    """Share of the held-out difference that is left with every accepted cause undone."""
    if not examination.differs:
        return 0.0 if whole.has_pairs else None
    places = np.flatnonzero(examination.search.blocks.is_held_out)
    before = examination.search.differences((), places)
    after = examination.search.differences(examination.accepted, places)
    both = np.isfinite(before) & np.isfinite(after)
    if not both.any():
        return None
    mean = float(before[both].mean())
    return 0.0 if mean == 0.0 else float(after[both].mean()) / mean


def waterfall(examination: Examination) -> list[dict[str, object]]:
    """Mean absolute difference on held-out candles, from nothing undone to everything."""
    places = np.flatnonzero(examination.search.blocks.is_held_out)
    steps: list[dict[str, object]] = []
    for count in range(len(examination.accepted) + 1):
        differences = examination.search.differences(examination.accepted[:count], places)
        known = np.isfinite(differences)
        steps.append(
            {
                "cause": examination.accepted[count - 1].cause if count else None,
                "mean_abs_diff": float(differences[known].mean()) if known.any() else None,
            }
        )
    return steps
