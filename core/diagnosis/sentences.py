"""One sentence a trader understands, with its numbers and what to do."""

from collections.abc import Sequence

from core.diagnosis.cause import Saying
from core.diagnosis.finding import Finding, Verdict
from core.diagnosis.verdict import Judgement


def percent(ratio: float) -> str:
    """A ratio as whole per cent; what is not quite all or nothing is not called so."""
    value = ratio * 100
    if 0.05 <= value < 0.5 or 99.5 <= value < 99.95:
        return f"{value:.1f} %"
    return f"{value:.0f} %"


def candles(count: int) -> str:
    return f"{count:,} held-out candle{'' if count == 1 else 's'}"


def first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def summary_of(
    saying: Saying, judgement: Judgement, same_as: Sequence[str] = (), *, between: str = ""
) -> str:
    """What happened, what the trial did, what to do now.

    `between`: the two sides whose difference was judged, where it is not the whole.
    """
    ratio = judgement.explained_ratio
    on = candles(judgement.held_out_candles)
    difference = f"the difference between {between}" if between else "the difference"
    also = f" {_same(same_as)}" if same_as else ""
    if ratio is None:
        effect = f"{saying.trial} leaves nothing to compare"
    elif judgement.verdict is Verdict.PROVEN:
        share = "all" if ratio >= 0.9995 else percent(ratio)
        effect = f"{saying.trial} removes {share} of {difference} on {on}"
    else:
        effect = f"{saying.trial} removes {percent(ratio)} of {difference} on {on}"
    if judgement.verdict is Verdict.PARTIAL:
        why = judgement.shortfall or (
            "the rest has another cause"
            if judgement.repaired
            else "no candle became equal, so it is a hint at most"
        )
        return (
            f"Partly supported: {saying.claim}; {effect}, but {why}.{also} "
            f"If you can confirm it: {saying.remedy}"
        )
    return f"{first_upper(saying.claim)}; {effect}.{also} {saying.remedy}"


def _same(same_as: Sequence[str]) -> str:
    return f"These inputs cannot tell it from {' or '.join(same_as)}."


def refuted_sentence(noun: str, trial: str | None, ratio: float | None, held_out: int) -> str:
    """Why a plausible cause is none."""
    if trial is None:
        return f"Not the cause: {noun}; nothing that was tried makes the difference smaller."
    share = "nothing" if ratio is None or ratio <= 0 else f"only {percent(ratio)}"
    return (
        f"Not the cause: {noun}; {trial}, the best of what was tried, removes "
        f"{share} of the difference on {candles(held_out)}."
    )


def overall_sentence(
    findings: Sequence[Finding],
    unexplained_ratio: float | None,
    pairs: int,
    *,
    differs: bool,
    carriers: Sequence[str] = (),
) -> str:
    """The diagnosis in a sentence or two; `carriers` are features that carry the difference."""
    proven = [finding for finding in findings if finding.verdict is Verdict.PROVEN]
    if pairs == 0 and not proven:
        return "There is nothing to compare: no candle of this window has a signal on both sides."
    if not differs and not proven:
        return "Signals agree; if results differ, look at rules, fills, or the market."
    if proven:
        names = ", ".join(dict.fromkeys(finding.cause for finding in proven))
        rest = (
            f" {percent(unexplained_ratio)} of the difference is unexplained."
            if unexplained_ratio is not None and unexplained_ratio >= 0.005
            else ""
        )
        return f"Proven: {names}.{rest}"
    share = (
        "the difference"
        if unexplained_ratio is None
        else (f"{percent(unexplained_ratio)} of the difference")
    )
    carried = f" It is carried by {', '.join(carriers)}." if carriers else ""
    partial = [finding.cause for finding in findings if finding.verdict is Verdict.PARTIAL]
    if partial:
        names = ", ".join(dict.fromkeys(partial))
        return (
            f"Nothing proven; partly explained by {names}. "
            f"{first_upper(share)} is unexplained.{carried}"
        )
    return f"No cause found: {share} is unexplained.{carried}"
