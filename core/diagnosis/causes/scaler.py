"""scaler: the model ran without its scaler, or behind another one's."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, OtherScaler, World, change
from core.diagnosis.search.search import Search

CODE = "scaler"


@dataclass(frozen=True, slots=True)
class ScaledBy:
    """Inputs go through this scaler."""

    scaler: OtherScaler

    def __call__(self, world: World) -> World:
        return replace(world, scaler=self.scaler)


def _propose(search: Search) -> Iterator[Change]:
    yield change(CODE, ScaledBy(OtherScaler(None)), {"scaler": "none"})
    for number, bundle in enumerate(search.evidence.bundles):
        yield change(CODE, ScaledBy(OtherScaler(number)), {"scaler": bundle.name})


def _say(entry: Change, evidence: Evidence) -> Saying:
    name = entry.values["scaler"]
    if name == "none":
        return Saying(
            "production fed the model unscaled features",
            "scoring without the scaler",
            "Load the bundle's scaler in the bot and apply it before every prediction.",
        )
    return Saying(
        f"production scaled the features with the scaler of {name}",
        f"scoring behind the scaler of {name}",
        "Load model and scaler from the same bundle in the bot.",
    )


CAUSE = Cause(
    code=CODE,
    noun="a missing or foreign scaler",
    needs=needs_features,
    propose=_propose,
    say=_say,
    acts_on_scoring=True,
)
