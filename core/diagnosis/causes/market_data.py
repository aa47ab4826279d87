"""market_data: both sides computed on candles of different venues or feeds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.candles.reads import FEATURE_LOG
from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.patches import replaced
from core.diagnosis.lab.world import CandlePatch, Change, Patched, World, change
from core.diagnosis.search.search import Search

CODE = "market_data"


@dataclass(frozen=True, slots=True)
class ComputedOn:
    """Features are computed on a source's candles."""

    source: str

    def __call__(self, world: World) -> World:
        return replace(world, candles=self.source)


def _needs(evidence: Evidence) -> str | None:
    missing = needs_recomputation(evidence)
    if missing is None and len(evidence.candles) < 2:
        return "only one source of candles is known; add the bot's venue under [[bots.candles]]"
    return missing


def _propose(search: Search) -> Iterator[Change]:
    for source in search.evidence.candles:
        if source in (search.world.candles, FEATURE_LOG):
            continue
        yield change(CODE, ComputedOn(source), {"candles": source})
    if FEATURE_LOG in search.evidence.candles and search.world.candles != FEATURE_LOG:
        logged = Patched(CandlePatch(replaced, FEATURE_LOG))
        yield change(CODE, logged, {"candles": FEATURE_LOG})


def _say(entry: Change, evidence: Evidence) -> Saying:
    source = entry.values["candles"]
    name = "the candles that it logged" if source == FEATURE_LOG else f'the candles "{source}"'
    return Saying(
        f'the bot computed on {name}, the backtest on "{evidence.source}"',
        f"recomputing on {name}",
        f'Set candles = "{source}" in the backtest, or feed the bot from "{evidence.source}".',
    )


CAUSE = Cause(
    code=CODE,
    noun="another source of candles",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_features=True,
)
