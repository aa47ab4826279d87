"""pipeline_version: the feature code that the bot runs is not the backtest's."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.search import Search

CODE = "pipeline_version"


@dataclass(frozen=True, slots=True)
class ComputedBy:
    """Features are computed by this feature function."""

    pipeline: str

    def __call__(self, world: World) -> World:
        return replace(world, pipeline=self.pipeline)


def _needs(evidence: Evidence) -> str | None:
    missing = needs_recomputation(evidence)
    if missing is None and len(evidence.pipelines) < 2:
        return (
            "only one version of the feature code is known; put the bot's version on "
            "pipeline_path beside it"
        )
    return missing


def _propose(search: Search) -> Iterator[Change]:
    for spec in search.evidence.pipelines:
        if spec != search.world.pipeline:
            yield change(CODE, ComputedBy(spec), {"pipeline": spec})


def _say(entry: Change, evidence: Evidence) -> Saying:
    spec = entry.values["pipeline"]
    configured = evidence.backtest.pipeline if evidence.backtest else None
    return Saying(
        f"the bot computes its features with {spec}, the backtest with {configured}",
        f"recomputing with {spec}",
        "Run the same feature code on both sides: deploy the newer one or test the older one.",
    )


CAUSE = Cause(
    code=CODE,
    noun="another version of the feature code",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_features=True,
)
