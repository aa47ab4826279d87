"""threshold: do the rules of both sides decide differently where the signals agree?"""

from collections.abc import Mapping

import numpy as np

from core.arrays import Floats
from core.diagnosis.causes.catalogue import BY_CODE
from core.diagnosis.causes.threshold import CODE, differing_constants
from core.diagnosis.evidence.evidence import SIDE_NAMES
from core.diagnosis.examination.examine import Examination
from core.diagnosis.examination.sentences import candles, first_upper, percent
from core.diagnosis.finding import Finding, Verdict
from core.diagnosis.lab.world import change
from core.diagnosis.verdict import Judgement, judge
from core.rule import Decision, decide


def threshold_finding(found: Examination) -> Finding | None:
    """The finding where the rules differ; None where they do not, or nothing can be decided.

    Decisions are compared as 0 (equal) and 1 (different): before with each side's own
    rule, after with production's on both sides, all accepted causes undone.
    """
    evidence, search = found.evidence, found.search
    constants = differing_constants(evidence)
    if evidence.rules is None or not constants:
        return None
    places = np.flatnonzero(search.blocks.is_held_out)
    other = search.lab.probabilities(found.accepted, places)
    mine, theirs = ({k: v[places] for k, v in rule.items()} for rule in evidence.rules)
    production = evidence.production[places]
    before = _differences(_decisions(production, mine), _decisions(other, theirs))
    after = _differences(_decisions(production, mine), _decisions(other, mine))
    judgement = judge(before, after, np.full_like(before, 0.5), search.blocks.block[places])
    return _finding(found, constants, judgement, np.abs(production - other))


def _decisions(signals: Floats, rule: Mapping[str, Floats]) -> Floats:
    decided = decide(signals[:, 0], signals[:, 1], **rule).astype("float64")
    return np.where(decided == Decision.UNKNOWN, np.nan, decided)


def _differences(first: Floats, second: Floats) -> Floats:
    differs = (first != second).astype("float64")
    return np.where(np.isfinite(first) & np.isfinite(second), differs, np.nan)[:, None]


def _finding(
    found: Examination,
    constants: dict[str, tuple[float, float]],
    judgement: Judgement,
    signal_differences: Floats,
) -> Finding:
    saying = BY_CODE[CODE].say(change(CODE, {}), found.evidence)
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
        sides=SIDE_NAMES,
        explained_ratio=ratio,
        residual_mean_abs_diff=(float(signal_differences[known].mean()) if known.any() else None),
        held_out_candles=judgement.held_out_candles,
        scope_candles=len(found.evidence.opens),
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
