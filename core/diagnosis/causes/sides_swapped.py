"""sides_swapped: LONG and SHORT changed places."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.diagnosis.cause import Cause, Saying, other_side
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.search import Search

CODE = "sides_swapped"


def _needs(evidence: Evidence) -> str | None:
    both = np.isfinite(evidence.other).any(axis=0) & np.isfinite(evidence.production).any(axis=0)
    return None if both.all() else "needs LONG and SHORT signals on both sides of the comparison"


def swapped(world: World) -> World:
    """LONG is scored as SHORT, and SHORT as LONG."""
    return replace(world, is_swapped=True)


def _propose(search: Search) -> Iterator[Change]:
    yield change(CODE, swapped)


def _say(entry: Change, evidence: Evidence) -> Saying:
    return Saying(
        "LONG and SHORT changed places between production and the " + other_side(evidence),
        "exchanging LONG and SHORT",
        "Check which model is loaded for which side, and the column names of the signal log.",
    )


CAUSE = Cause(
    code=CODE,
    noun="an exchange of LONG and SHORT",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_scoring=True,
)
