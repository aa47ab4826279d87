"""missing_candles: a gap inside the window, closed over or filled."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.candles.reads import FEATURE_LOG
from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.patches import added, dropped, filled, missing_opens
from core.diagnosis.lab.world import Alteration, CandlePatch, Change, Patched, World, change
from core.diagnosis.search.search import Search
from core.settings import GapPolicy

CODE = "missing_candles"


@dataclass(frozen=True, slots=True)
class ClosedOver:
    """Candles that a source lacks are left out, and windows close over the holes."""

    source: str

    def __call__(self, world: World) -> World:
        patches = (*world.patches, CandlePatch(dropped, self.source))
        return replace(world, patches=patches, gap_policy=GapPolicy.ALLOW)


def _propose(search: Search) -> Iterator[Change]:
    candles = search.evidence.candles
    mine = candles[str(search.world.candles)]
    for source, other in candles.items():
        if source == search.world.candles:
            continue
        if len(missing_opens(mine, other)):
            yield _change("drop", ClosedOver(source), source)
            yield _change("fill", Patched(CandlePatch(filled, source)), source)
        if len(missing_opens(other, mine)):
            yield _change("added", Patched(CandlePatch(added, source)), source)


def _change(rule: str, alter: Alteration, source: str) -> Change:
    return change(CODE, alter, {"candles": source, "rule": rule})


def _say(entry: Change, evidence: Evidence) -> Saying:
    source, rule = entry.values["candles"], entry.values["rule"]
    place = "the feature log" if source == FEATURE_LOG else f'"{source}"'
    if rule == "added":
        return Saying(
            f'candles that {place} has are missing in "{evidence.source}"',
            "recomputing with these candles added",
            f'Fetch the missing candles of "{evidence.source}" again.',
        )
    count = len(missing_opens(evidence.candles[str(evidence.source)], evidence.candles[source]))
    done = "its window closed over the holes" if rule == "drop" else "it filled the holes flat"
    trial = "leaving these candles out" if rule == "drop" else "filling these candles flat"
    return Saying(
        f"{count} candles that {place} lacks never reached the bot, and {done}",
        trial,
        "Let the bot fetch missed candles again before it computes.",
    )


CAUSE = Cause(
    code=CODE,
    noun="missing candles",
    needs=needs_recomputation,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    is_scoped=False,
)
