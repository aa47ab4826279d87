"""warm_up: after a start the bot's history was still growing, but its values looked valid."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.history import history_starts
from core.diagnosis.search.search import Search
from core.times import from_us

CODE = "warm_up"


@dataclass(frozen=True, slots=True)
class Growing:
    """From a candle (µs) on the history grew, from so many candles that it saw."""

    starts: tuple[tuple[int, int], ...]

    def __call__(self, world: World) -> World:
        return replace(world, starts=self.starts)


def _propose(search: Search) -> Iterator[Change]:
    starts = history_starts(search, CODE)
    step = search.evidence.timeframe.length_us
    if starts:
        seen = tuple(
            (start.applies_from, (start.applies_from - start.begins) // step + 1)
            for start in starts
        )
        shown = [_shown(start.begins) for start in starts]
        yield change(CODE, Growing(seen), {"history_from": shown})


def _shown(open_us: int) -> str:
    return f"{from_us(open_us):%Y-%m-%d %H:%M UTC}"


def _later(times: list[str]) -> str:
    return times[0] if len(times) == 1 else f"{len(times)} later times"


def _say(entry: Change, evidence: Evidence) -> Saying:
    times = entry.values["history_from"]
    shown = times[0] if len(times) == 1 else f"{times[0]} and again at {_later(times[1:])}"
    configured = evidence.backtest.lookback_bars if evidence.backtest else None
    return Saying(
        f"after a start the bot's history was shorter than {configured} candles: "
        f"it began at {shown} and grew candle by candle",
        "recomputing with the history that the bot had",
        "Load the whole history at start, and do not trade before it is there.",
    )


CAUSE = Cause(
    code=CODE,
    noun="a history that was still growing",
    needs=needs_recomputation,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    re_runs_much=True,
    is_scoped=False,
)
