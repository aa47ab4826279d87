"""What a diagnosis says about one cause: a verdict, its numbers, and one sentence."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.market import Side


class Verdict(StrEnum):
    PROVEN = "proven"
    PARTIAL = "partial"
    REFUTED = "refuted"
    UNTESTABLE = "untestable"


VERDICT_ORDER = tuple(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause judged. Ratios are shares of the held-out difference; None means not computable."""

    cause: str
    verdict: Verdict
    summary: str
    sides: tuple[Side, ...] = ()
    explained_ratio: float | None = None
    residual_mean_abs_diff: float | None = None
    held_out_candles: int = 0
    scope_candles: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    same_as: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The finding as `diagnose --json` prints it."""
        return {
            "cause": self.cause,
            "verdict": str(self.verdict),
            "sides": [str(side) for side in self.sides],
            "explained_ratio": self.explained_ratio,
            "residual_mean_abs_diff": self.residual_mean_abs_diff,
            "held_out_candles": self.held_out_candles,
            "scope_candles": self.scope_candles,
            "parameters": dict(self.parameters),
            "same_as": list(self.same_as),
            "evidence": dict(self.evidence),
            "summary": self.summary,
        }


def untestable(cause: str, needs: str) -> Finding:
    """A cause that the inputs cannot decide; `needs` is a sentence that says what would."""
    return Finding(
        cause=cause, verdict=Verdict.UNTESTABLE, summary=needs, evidence={"needs": needs}
    )
