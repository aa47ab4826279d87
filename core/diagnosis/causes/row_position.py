"""row_position: a feature sees the future when its candle is not the last row of the frame."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.diagnosis.cause import Cause, Saying, needs_recomputation
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.lab.world import Change, World, change
from core.diagnosis.search.search import Search
from core.settings import Mode

CODE = "row_position"


@dataclass(frozen=True, slots=True)
class ReadBy:
    """Rows are read from frames of this mode."""

    mode: Mode

    def __call__(self, world: World) -> World:
        return replace(world, mode=self.mode)


def _propose(search: Search) -> Iterator[Change]:
    mode = Mode.WINDOW if search.world.mode is Mode.FRAME else Mode.FRAME
    yield change(CODE, ReadBy(mode), {"mode": mode})


def _say(entry: Change, evidence: Evidence) -> Saying:
    mode = entry.values["mode"]
    if mode is Mode.WINDOW:
        return Saying(
            "the backtest reads candles in the middle of a frame, where features can see later "
            "candles; the bot's candle is the last row of its own",
            "recomputing each candle as the last row of its own frame",
            'Set mode = "window", and look for centred windows or shift(-n) in the feature code.',
        )
    return Saying(
        "the bot's rows come from the middle of a frame, the backtest's are the last of theirs",
        "recomputing whole days at once",
        'Read the newest row only in the bot, or set mode = "frame" in the backtest.',
    )


CAUSE = Cause(
    code=CODE,
    noun="the row's position in its frame",
    needs=needs_recomputation,
    propose=_propose,
    say=_say,
    acts_on_features=True,
    shows_with="lookback",
)
