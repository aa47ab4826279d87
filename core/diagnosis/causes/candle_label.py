"""candle_label: a source names its candles by another moment than their open."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.lab.world import CandlePatch, Change, Patched, change
from core.diagnosis.search.search import Search

CODE = "candle_label"


@dataclass(frozen=True, slots=True)
class Moved:
    """Each candle opens so much later than its label says."""

    by_us: int

    def __call__(self, candles: CandleRows, other: CandleRows) -> CandleRows:
        return CandleRows(candles.opens + self.by_us, candles.values)


def _needs(evidence: Evidence) -> str | None:
    missing = needs_recomputation(evidence)
    if missing is None and evidence.prices is None:
        return (
            "no reference price stands beside the signals, so a label of the log and one of the "
            "source cannot be told apart; write the candle's close into the signal log"
        )
    return missing


def _propose(search: Search) -> Iterator[Change]:
    """The reverse of the shift that the prices point to, where the log's labels are not it."""
    check, world = search.price_check, search.world
    if check is None or check.shift_bars == 0 or world.shift_bars != 0 or world.candles is None:
        return
    bars = -check.shift_bars
    moved = CandlePatch(Moved(bars * search.evidence.timeframe.length_us), world.candles)
    yield change(CODE, Patched(moved), {"shift_bars": bars, "candles": world.candles})


def _say(entry: Change, evidence: Evidence) -> Saying:
    bars, source = int(entry.values["shift_bars"]), entry.values["candles"]
    minutes = abs(bars) * evidence.timeframe.length_s / 60
    what = "by its close" if bars == -1 else f"{minutes:g} min {'late' if bars < 0 else 'early'}"
    return Saying(
        f'the source "{source}" labels each candle {what}',
        f'reading the candles of "{source}" {bars:+d} bars from their labels',
        f'Write the candles of "{source}" with their open times and ingest them again.',
    )


CAUSE = Cause(
    code=CODE,
    noun="another label of the source's candles",
    needs=_needs,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    is_scoped=False,
)
