"""lookback: the recomputation saw another number of candles than the bot did."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.history import effective_lookbacks, history_probes
from core.diagnosis.search.search import Search

CODE = "lookback"
_PROBES = 6  # each is re-run some hundred times; their median bears two with a fault of their own


@dataclass(frozen=True, slots=True)
class Seen:
    """The windows hold so many candles."""

    bars: int

    def __call__(self, world: World) -> World:
        return replace(world, lookback_bars=self.bars)


def _propose(search: Search) -> Iterator[Change]:
    probes = history_probes(search, _PROBES)
    for bars in effective_lookbacks(search, probes, CODE):
        yield change(CODE, Seen(bars), {"lookback_bars": bars})


def _say(entry: Change, evidence: Evidence) -> Saying:
    bars = entry.values["lookback_bars"]
    configured = evidence.backtest.lookback_bars if evidence.backtest else None
    return Saying(
        f"the backtest saw {configured} candles, the bot {bars}",
        f"recomputing with {bars}",
        f"Set lookback_bars = {bars}.",
    )


CAUSE = Cause(
    code=CODE,
    noun="another lookback",
    needs=needs_recomputation,
    propose=_propose,
    say=_say,
    acts_on_features=True,
)
