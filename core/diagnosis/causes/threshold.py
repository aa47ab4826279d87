"""threshold: equal signals, different decisions, because the rules differ."""

from collections.abc import Iterator, Mapping

import numpy as np

from core.arrays import Floats
from core.diagnosis.cause import Cause, Saying
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.finding import Finding, Verdict
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Examination
from core.diagnosis.sentences import candles, first_upper, percent
from core.diagnosis.verdict import Judgement, judge
from core.market import SIDES
from core.rule import Decision, decide

CODE = "threshold"


def _needs(evidence: Evidence) -> str | None:
    if evidence.backtest is None:
        return "a replay has no rule of its own; diagnose a backtest to compare decisions"
    return None


def differing_constants(evidence: Evidence) -> dict[str, tuple[float, float]]:
    """Constants of the entry rule by name: production's and the backtest's, where they differ."""
    if evidence.rules is None:
        return {}
    mine, other = evidence.rules
    return {
        name: (float(mine[name][-1]), float(other[name][-1]))
        for name in mine
        if len(mine[name]) and (mine[name] != other[name]).any()
    }


def _say(entry: Change, evidence: Evidence) -> Saying:
    return _saying(evidence)


def _saying(evidence: Evidence) -> Saying:
    parts = [
        f"{name} is {mine:g} in production and {other:g} in the backtest"
        for name, (mine, other) in differing_constants(evidence).items()
    ]
    return Saying(
        "the signals are equal, the rules are not: " + ", ".join(parts),
        "deciding with production's rule on both sides",
        "Set the same rule in [bots.rule] and in the backtest's rule.",
    )


def _conclude(examination: Examination, whole: Evidence) -> Iterator[Finding]:
    """The finding where the rules differ; none where they do not, or nothing can be decided.

    Decisions are compared as 0 (equal) and 1 (different): before with each side's own
    rule, after with production's on both sides, all accepted causes undone.
    """
    evidence, search = examination.evidence, examination.search
    constants = differing_constants(evidence)
    if evidence.rules is None or not constants:
        return
    places = np.flatnonzero(search.blocks.is_held_out)
    other = search.lab.probabilities(examination.accepted, places)
    mine, theirs = ({k: v[places] for k, v in rule.items()} for rule in evidence.rules)
    production = evidence.production[places]
    before = _differences(_decisions(production, mine), _decisions(other, theirs))
    after = _differences(_decisions(production, mine), _decisions(other, mine))
    judgement = judge(before, after, np.full_like(before, 0.5), search.blocks.block[places])
    yield _finding(examination, constants, judgement, np.abs(production - other))


def _decisions(signals: Floats, rule: Mapping[str, Floats]) -> Floats:
    decided = decide(signals[:, 0], signals[:, 1], **rule).astype("float64")
    return np.where(decided == Decision.UNKNOWN, np.nan, decided)


def _differences(first: Floats, second: Floats) -> Floats:
    differs = (first != second).astype("float64")
    return np.where(np.isfinite(first) & np.isfinite(second), differs, np.nan)[:, None]


def _finding(
    examination: Examination,
    constants: dict[str, tuple[float, float]],
    judgement: Judgement,
    signal_differences: Floats,
) -> Finding:
    saying = _saying(examination.evidence)
    known = np.isfinite(signal_differences)
    ratio = judgement.explained_ratio
    summary = (
        f"{first_upper(saying.claim)}; {saying.trial} removes "
        f"{'nothing' if ratio is None else percent(ratio)} of the {judgement.differing} different "
        f"decisions on {candles(judgement.held_out_candles)}. {saying.remedy}"
    )
    if judgement.verdict is Verdict.REFUTED:
        names = ", ".join(constants)
        summary = (
            f"The rules differ ({names}), but no decision does because of it on "
            f"{candles(judgement.held_out_candles)}."
        )
    return Finding(
        cause=CODE,
        verdict=judgement.verdict,
        sides=SIDES,
        explained_ratio=ratio,
        residual_mean_abs_diff=(float(signal_differences[known].mean()) if known.any() else None),
        held_out_candles=judgement.held_out_candles,
        scope_candles=len(examination.evidence.opens),
        parameters={},
        evidence={
            "decisions_differing": judgement.differing,
            "rules": {
                name: {"production": mine, "backtest": other}
                for name, (mine, other) in constants.items()
            },
        },
        summary=summary,
    )


CAUSE = Cause(
    code=CODE,
    noun="another rule",
    needs=_needs,
    propose=lambda search: (),
    say=_say,
    conclude=_conclude,
    is_tried=False,
    is_scoped=False,
)
