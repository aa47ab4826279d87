"""bundle: another model or scaler was live than the configuration says."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.search import Search

CODE = "bundle"


@dataclass(frozen=True, slots=True)
class ScoredBy:
    """Every candle is scored by this bundle (its place in the evidence)."""

    bundle: int

    def __call__(self, world: World) -> World:
        return replace(world, bundle=self.bundle)


def _needs(evidence: Evidence) -> str | None:
    missing = needs_features(evidence)
    if missing is None and len(evidence.bundles) < 2:
        return "only one bundle is known; list every model that may have been live under bundles"
    return missing


def _propose(search: Search) -> Iterator[Change]:
    for number, bundle in enumerate(search.evidence.bundles):
        yield change(CODE, ScoredBy(number), {"bundle": bundle.name})


def _say(entry: Change, evidence: Evidence) -> Saying:
    name = entry.values["bundle"]
    same = same_content(evidence, entry)
    also = f" (identical to {', '.join(same)})" if same else ""
    alone = entry.sides[0] if len(entry.sides) == 1 else None
    if evidence.kind is Kind.IMPORTED:
        claim = f"the backtest was not scored with what production ran: that was {name}{also}"
        remedy = f"Score the backtest with {name}, or correct the deployment in production."
    else:
        claim = f"production scored with {name}{also}, not with the configured bundle"
        remedy = (
            f"Correct [[bots.deployments]] to {name} for this time, "
            "or deploy the bundle that you meant."
            if alone is None
            else f"Load the {alone} model that you meant, or write a bundle with {alone} of {name} "
            "(convert-model) and name it in [[bots.deployments]]: a deployment covers both sides."
        )
    return Saying(claim, f"scoring with {name}", remedy)


def same_content(evidence: Evidence, entry: Change) -> list[str]:
    """Names of other folders whose models, scalers and inputs are identical."""
    if not isinstance(entry.alter, ScoredBy):
        return []
    number = entry.alter.bundle
    chosen = evidence.bundles[number]
    return [
        other.name
        for place, other in enumerate(evidence.bundles)
        if place != number and other.hash == chosen.hash
    ]


CAUSE = Cause(
    code=CODE,
    noun="another bundle",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_scoring=True,
)
