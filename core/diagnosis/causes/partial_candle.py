"""partial_candle: a store kept rows of candles that were not finished when it read them."""

from collections.abc import Iterator

from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.patches import finished, kept_unfinished, unfinished_opens
from core.diagnosis.lab.world import CandlePatch, CandleRule, Change, Patched, change
from core.diagnosis.search.search import Search

CODE = "partial_candle"


def _needs(evidence: Evidence) -> str | None:
    missing = needs_recomputation(evidence)
    if missing is None and len(evidence.candles) + len(evidence.unfinished) < 2:
        return (
            "only one copy of the candles is known; fetch the same candles again into a "
            "second [[bots.candles]] source"
        )
    return missing


def _propose(search: Search) -> Iterator[Change]:
    mine = search.evidence.candles[str(search.world.candles)]
    others = {**search.evidence.candles, **search.evidence.unfinished}
    for source, other in others.items():
        if source == search.world.candles:
            continue
        if len(unfinished_opens(mine, other)):
            yield _change("finished", finished, source)
        if len(unfinished_opens(other, mine)):
            yield _change("kept_unfinished", kept_unfinished, source)


def _change(name: str, rule: CandleRule, source: str) -> Change:
    patch = CandlePatch(rule, source)
    return change(CODE, Patched(patch), {"candles": source, "rule": name})


def _say(entry: Change, evidence: Evidence) -> Saying:
    source = str(entry.values["candles"])
    mine = evidence.candles[str(evidence.source)]
    other = {**evidence.candles, **evidence.unfinished}[source]
    if entry.values["rule"] == "finished":
        count = len(unfinished_opens(mine, other))
        return Saying(
            f'"{evidence.source}" keeps {count} candles as they stood before their close; '
            f'"{source}" has them finished',
            "recomputing with the finished candles",
            f'Fetch these candles of "{evidence.source}" again, and never store the newest row.',
        )
    count = len(unfinished_opens(other, mine))
    return Saying(
        f'the bot\'s store ("{source}") keeps {count} candles as they stood before their close',
        "recomputing with these unfinished candles",
        "Let the bot replace the newest stored candle once it has closed.",
    )


CAUSE = Cause(
    code=CODE,
    noun="unfinished candles in a store",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    is_scoped=False,
)
