"""unclosed_candle: the bot computed while the candle was still open."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.patches import looks_unfinished
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.search import Search

CODE = "unclosed_candle"
_UNFINISHED_SHARE = 0.5  # of the probes: most rows, not the few that were revised


@dataclass(frozen=True, slots=True)
class NewestAs:
    """The last candle of each window is as this source holds it."""

    source: str

    def __call__(self, world: World) -> World:
        return replace(world, newest=self.source)


def _needs(evidence: Evidence) -> str | None:
    missing = needs_recomputation(evidence)
    if missing is None and len(evidence.candles) < 2:
        return (
            "the newest candle as the bot saw it is not known; "
            "log open, high, low, close and volume with the features"
        )
    return missing


def _propose(search: Search) -> Iterator[Change]:
    candles = search.evidence.candles
    opens = search.evidence.opens[search.probes] + search.world.shift_bars * (
        search.evidence.timeframe.length_us
    )
    final, _ = candles[str(search.world.candles)].at(opens)
    for source, other in candles.items():
        if source == search.world.candles:
            continue
        early, is_held = other.at(opens)
        known = is_held & np.isfinite(final).all(axis=1)
        if known.any() and looks_unfinished(early[known], final[known]).mean() > _UNFINISHED_SHARE:
            yield change(CODE, NewestAs(source), {"candles": source})


def _say(entry: Change, evidence: Evidence) -> Saying:
    early = early_seconds(evidence)
    when = f" (rows are written {early:.0f} s before the close)" if early > 0 else ""
    return Saying(
        f"the bot computed before the candle had closed{when}",
        "recomputing with the newest candle as it stood then",
        "Let the bot wait for the close, and check that the exchange marks the candle as closed.",
    )


def early_seconds(evidence: Evidence) -> float:
    """How long before the close the median row was written; negative: after it."""
    if evidence.logged is None or evidence.logged_at is None:
        return -1.0
    known = evidence.logged_at > 0
    if not known.any():
        return -1.0
    closes = evidence.logged.opens[known] + evidence.timeframe.length_us
    return float(np.median(closes - evidence.logged_at[known]) / 1e6)


CAUSE = Cause(
    code=CODE,
    noun="a candle that was still open",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_features=True,
)
