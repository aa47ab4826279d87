"""nan_policy: both sides treat a value that is not there differently."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, NanPolicy, World, change
from core.diagnosis.search.search import Search

CODE = "nan_policy"
_WORDS = {
    NanPolicy.ZERO: "0",
    NanPolicy.LAST: "the last value before it",
    NanPolicy.MEAN: "the scaler's mean",
    NanPolicy.MINUS_ONE: "-1",
}


@dataclass(frozen=True, slots=True)
class FilledBy:
    """Empty values are filled by this policy."""

    policy: NanPolicy

    def __call__(self, world: World) -> World:
        return replace(world, nan_policy=self.policy)


def _propose(search: Search) -> Iterator[Change]:
    columns, matrix = search.lab.features(search.accepted, search.probes)
    used = set(search.used_features())
    places = [place for place, name in enumerate(columns) if name in used]
    if not np.isnan(matrix[:, places]).any():
        return
    for policy in _WORDS:
        yield change(CODE, FilledBy(policy), {"policy": policy})


def _say(entry: Change, evidence: Evidence) -> Saying:
    words = _WORDS[entry.values["policy"]]
    return Saying(
        f"where a feature has no value, production's model got {words}",
        f"filling empty values with {words}",
        "Treat empty values alike on both sides: leave them to the model, or fill them in both.",
    )


CAUSE = Cause(
    code=CODE,
    noun="another treatment of empty values",
    needs=needs_features,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    acts_on_scoring=True,
)
