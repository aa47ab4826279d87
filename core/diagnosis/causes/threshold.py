"""threshold: equal signals, different decisions, because the rules differ."""

from core.diagnosis.causes.cause import Cause, Saying
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change

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
    parts = [
        f"{name} is {mine:g} in production and {other:g} in the backtest"
        for name, (mine, other) in differing_constants(evidence).items()
    ]
    return Saying(
        "the signals are equal, the rules are not: " + ", ".join(parts),
        "deciding with production's rule on both sides",
        "Set the same rule in [bots.rule] and in the backtest's rule.",
    )


CAUSE = Cause(
    code=CODE,
    noun="another rule",
    needs=_needs,
    propose=lambda search: (),
    say=_say,
    is_scoped=False,
)
