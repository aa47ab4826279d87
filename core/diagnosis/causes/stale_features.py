"""stale_features: the vector of an earlier candle was scored."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_features
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.search import Search

CODE = "stale_features"
_MAX_LAG_BARS = 12  # an hour of 5-minute bars: an older vector is no cache but a bot that stands


@dataclass(frozen=True, slots=True)
class Lagged:
    """The vector of so many bars before is scored."""

    bars: int

    def __call__(self, world: World) -> World:
        return replace(world, lag_bars=self.bars)


def _propose(search: Search) -> Iterator[Change]:
    for lag in range(1, _MAX_LAG_BARS + 1):
        yield change(CODE, Lagged(lag), {"lag_bars": lag})
    yield change(CODE, Lagged(-1), {"lag_bars": -1})


def _say(entry: Change, evidence: Evidence) -> Saying:
    lag = int(entry.values["lag_bars"])
    if lag < 0:
        claim = "the other side scored the vector of the previous candle"
    else:
        which = "the previous candle" if lag == 1 else f"{lag} candles earlier"
        claim = f"production scored the features of {which}"
    return Saying(
        claim,
        f"scoring the features {lag:+d} bars back"
        if lag < 0
        else f"scoring features {lag} bar{'s' if lag != 1 else ''} old",
        "Compute the features after the candle has closed and pass them on without a cache.",
    )


CAUSE = Cause(
    code=CODE,
    noun="features of an earlier candle",
    needs=needs_features,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    acts_on_scoring=True,
)
