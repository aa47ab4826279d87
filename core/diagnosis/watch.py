"""When the collector diagnoses by itself: a newest window above its tolerance, with news in it."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.bots import comparisons
from core.diagnosis.evidence.blocks import MIN_BLOCK_CANDLES, MIN_BLOCKS
from core.diagnosis.verdict import MIN_DIFFERING
from core.market import SIDES
from core.settings import BotSettings
from core.storage.sql import raw, within
from core.storage.tables import pair
from core.storage.watermarks import read_watermark, write_watermark
from core.times import from_us, to_us

_PAIR = raw(pair)
WINDOW_BARS = 288  # a day of 5-minute bars: as many blocks as the search is cut into
NEWS_BARS = MIN_BLOCK_CANDLES  # fewer new candles cannot change a verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A window to diagnose, and the state that says it was."""

    comparison: str
    from_: datetime
    until: datetime
    state: dict[str, Any]

    def __post_init__(self) -> None:
        if not self.from_ < self.until:
            raise ValueError(f"a window from {self.from_} until {self.until} is empty")


def due_windows(connection: sa.Connection, bot_id: int, bot: BotSettings) -> list[Due]:
    """The newest windows of the comparisons that differ and that were not diagnosed as they are.

    A window is the last 288 bars up to the newest pair. It is due when eight of its
    pairs lie above the tolerance, and since its last diagnosis a block of candles came
    in, or what that diagnosis saw has changed.
    """
    due = []
    for comparison in comparisons(connection, bot_id):
        if comparison.name in bot.comparisons:
            window = _newest_window(connection, bot_id, bot, comparison.id, comparison.name)
            due += [] if window is None else [window]
    return due


def _newest_window(
    connection: sa.Connection, bot_id: int, bot: BotSettings, comparison_id: int, name: str
) -> Due | None:
    newest = _newest_open(connection, comparison_id)
    if newest is None:
        return None
    step = bot.frame.length
    until = newest + step
    from_ = until - WINDOW_BARS * step
    state = _state(connection, comparison_id, from_, until)
    if state["candles"] < MIN_BLOCKS * MIN_BLOCK_CANDLES or state["above"] < MIN_DIFFERING:
        return None
    last = read_watermark(connection, bot_id, _step(name))
    if last is not None and not _has_news(connection, comparison_id, last, until, bot):
        return None
    return Due(comparison=name, from_=from_, until=until, state=state)


def _has_news(
    connection: sa.Connection,
    comparison_id: int,
    last: dict[str, Any],
    until: datetime,
    bot: BotSettings,
) -> bool:
    """Whether a block of candles came in, or the diagnosed window is no longer the same."""
    if to_us(until) - last["until"] >= NEWS_BARS * bot.frame.length_us:
        return True
    return last != _state(connection, comparison_id, from_us(last["from"]), from_us(last["until"]))


def _newest_open(connection: sa.Connection, comparison_id: int) -> datetime | None:
    newest = [
        connection.scalar(
            sa.select(pair.c.candle_open)
            .where(pair.c.comparison_id == comparison_id, pair.c.side == str(side))
            .order_by(pair.c.candle_open.desc())
            .limit(1)
        )
        for side in SIDES  # along the primary key, whatever the history
    ]
    return max((moment for moment in newest if moment is not None), default=None)


def _state(
    connection: sa.Connection, comparison_id: int, from_: datetime, until: datetime
) -> dict[str, Any]:
    """What identifies a window's pairs: the same figures, the same diagnosis."""
    query = sa.select(_PAIR.c.candle_open, _PAIR.c.is_aligned, _PAIR.c.abs_diff).where(
        _PAIR.c.comparison_id == comparison_id, _PAIR.c.side.in_([str(side) for side in SIDES])
    )
    pairs = connection.execute(within(query, _PAIR.c.candle_open, from_, until)).all()
    return {
        "from": to_us(from_),
        "until": to_us(until),
        "candles": len({opened for opened, _, _ in pairs}),
        "pairs": len(pairs),
        "above": sum(not is_aligned for _, is_aligned, _ in pairs),
        "sum_abs_diff": math.fsum(abs_diff for _, _, abs_diff in pairs),
    }


def keep_state(connection: sa.Connection, bot_id: int, window: Due) -> None:
    """Remember what was diagnosed; in the transaction of the diagnosis."""
    write_watermark(connection, bot_id, _step(window.comparison), window.state)


def _step(comparison: str) -> str:
    return f"diagnose:{comparison}"
