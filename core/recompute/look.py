"""Which days a recomputation looks at: those that changed since it last looked, and what is open.

A row rests on the candles of its frame alone, and a frame reaches no further than the
lookback. So what is new, replaced or gone concerns its own UTC day and, where it is a candle,
the days of the candles after it whose frames hold it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.arrays import Ints
from core.candles.reads import FEATURE_LOG, nth_open_after, nth_open_before, read_candles
from core.recompute.reads import open_days
from core.signals.reads import production_opens
from core.storage.changes import Span, Subject, merge_spans, read_changes
from core.times import DAY_US, END_OF_TIME, from_us, us_from_index

ALWAYS: Span = (0, END_OF_TIME)
_MANY = 100  # windows; to look at everything costs no more


@dataclass(frozen=True, slots=True)
class Look:
    """Windows of whole UTC days (stored µs, the end exclusive), apart and in order.

    seen: the newest change that they account for.
    """

    windows: tuple[Span, ...]
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What decides, beside candles and production, which candles have a row and why others not.

    wants_all: production has nothing yet, so that every candle of the source is wanted.
    keeps_windows: no row that came from a stretch counts any more (core.recompute.forgetting).
    """

    mark: Sequence[object]
    gap_policy: str
    source: str
    wants_all: bool
    keeps_windows: bool = False

    def document(self) -> list[object]:
        return [list(self.mark), self.gap_policy, self.source, self.wants_all, self.keeps_windows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where one comparison looks for candles and for what is wanted of them."""

    bot_id: int
    series_id: int
    source: str
    lookback_bars: int
    length_us: int

    def look(
        self, conn: sa.Connection, basis: Basis, before: Mapping[str, Any] | None, now_us: int
    ) -> Look:
        """The days to look at; `before` is what the last look kept, None where there was none."""
        seen = None
        if before is not None and before["basis"] == basis.document() and before["now"] <= now_us:
            seen = before["seen"]
        sources = [Subject.CANDLE]
        wanted = [Subject.SIGNAL, Subject.FEATURE_ROW]
        if self.source == FEATURE_LOG:
            sources.append(wanted.pop())
        candles = read_changes(conn, self.bot_id, seen, *sources)
        other = read_changes(conn, self.bot_id, seen, *wanted)
        if before is None or candles.spans is None or other.spans is None:
            return Look((ALWAYS,), candles.newest)
        closed = self._closed(conn, before["now"], now_us)
        windows = [self._reached(conn, span) for span in _days([*candles.spans, *closed])]
        windows += _days(other.spans)
        windows += _days([(day, day) for day in open_days(conn, self.series_id, now_us)])
        merged = merge_spans(windows)
        return Look(merged if len(merged) <= _MANY else (ALWAYS,), candles.newest)

    def candles(self, conn: sa.Connection, windows: Sequence[Span]) -> pd.DataFrame:
        """The candles of these windows, and before each as many as its first frame needs.

        Frames never reach across the border of two stretches: the lookback lies between.
        """
        parts, done = [], 0
        for begin, end in windows:
            first = self._before(conn, begin)
            until = None if end == END_OF_TIME else from_us(end)
            parts.append(
                read_candles(conn, self.bot_id, self.source, from_us(max(first, done)), until)
            )
            done = end
        if not parts:
            return read_candles(conn, self.bot_id, self.source, from_us(0), from_us(0))
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def produced(self, conn: sa.Connection, windows: Sequence[Span]) -> Ints:
        """The candle opens (µs) of production in these windows."""
        parts = [
            production_opens(
                conn, self.bot_id, from_us(begin), None if end == END_OF_TIME else from_us(end)
            )
            for begin, end in windows
        ]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def _closed(self, conn: sa.Connection, before_us: int, now_us: int) -> list[Span]:
        """What was stored already and has closed since the last look."""
        window = from_us(before_us - self.length_us + 1), from_us(now_us - self.length_us + 1)
        candles = read_candles(conn, self.bot_id, self.source, *window)["candle_open"]
        opens = [*us_from_index(candles), *production_opens(conn, self.bot_id, *window)]
        return [(int(min(opens)), int(max(opens)))] if opens else []

    def _reached(self, conn: sa.Connection, window: Span) -> Span:
        """A window of changed candles with the days whose frames hold one of them."""
        begin, end = window
        if self.lookback_bars == 1:
            return window
        last = nth_open_after(conn, self.bot_id, self.source, end, self.lookback_bars - 1)
        return begin, END_OF_TIME if last is None else max(end, _day(last) + DAY_US)

    def _before(self, conn: sa.Connection, begin: int) -> int:
        if self.lookback_bars == 1:
            return begin
        first = nth_open_before(conn, self.bot_id, self.source, begin, self.lookback_bars - 1)
        return 0 if first is None else first


def among(opens_us: Ints, windows: Sequence[Span]) -> Ints:
    """The candle opens that lie in one of the windows."""
    is_in = np.zeros(len(opens_us), dtype=bool)
    for begin, end in windows:
        is_in |= (opens_us >= begin) & (opens_us < end)
    return opens_us[is_in]


def _days(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The whole UTC days of spans (both ends included), as windows."""
    return merge_spans([(_day(first), _day(last) + DAY_US) for first, last in spans])


def _day(open_us: int) -> int:
    return open_us // DAY_US * DAY_US
