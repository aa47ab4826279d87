"""Spans of candles at which something changed since a reader last looked.

Whoever stores, replaces or removes feature rows, production's signals or candles notes the
span in the same transaction; whoever builds on them (replay, signals in feature columns, the
check of prices, recomputation) keeps the id of the last span that it has worked through. So
a new row on top of a year costs what it costs on top of a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.storage.tables import changed_span
from core.times import DAY_US

Span = tuple[int, int]  # first and last candle open, stored µs, both included
_KEEP = 10_000  # spans; who has not looked for longer looks at everything


class Subject(StrEnum):
    """What a span speaks of. SIGNAL: emitted or replayed ones; CANDLE: of any source."""

    FEATURE_ROW = "feature_row"
    SIGNAL = "signal"
    CANDLE = "candle"


@dataclass(frozen=True, slots=True)
class Changes:
    """`spans` in order, merged where they touch; None: unknown, look at everything."""

    newest: int
    spans: tuple[Span, ...] | None


def read_changes(
    connection: sa.Connection, bot_id: int, seen: int | None, *subjects: Subject
) -> Changes:
    """What changed of these subjects after the change with id `seen` (None: never looked)."""
    rows = connection.execute(
        sa.select(changed_span.c.first_open, changed_span.c.last_open).where(
            changed_span.c.id > (seen or 0),
            changed_span.c.bot_id == bot_id,
            changed_span.c.subject.in_(subjects),
        )
    ).all()
    oldest_kept, newest = connection.execute(
        sa.select(sa.func.min(changed_span.c.id), sa.func.max(changed_span.c.id))
    ).one()
    newest = newest or seen or 0
    is_forgotten = oldest_kept is not None and oldest_kept > (seen or 0) + 1
    if seen is None or is_forgotten:
        return Changes(newest, None)
    return Changes(newest, merge_spans([(row.first_open, row.last_open) for row in rows]))


def merge_spans(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Overlapping spans as one, in order."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def note_changes(
    connection: sa.Connection, bot_id: int, subject: Subject, candle_opens: npt.ArrayLike
) -> None:
    """Note that something at these candle opens (stored µs) is new, was replaced or went.

    Opens that lie more than a day apart are spans of their own.
    """
    opened = np.unique(np.asarray(candle_opens, dtype="int64"))
    if opened.size == 0:
        return
    runs = np.split(opened, np.flatnonzero(np.diff(opened) > DAY_US) + 1)
    values = [
        {"bot_id": bot_id, "subject": subject, "first_open": int(one[0]), "last_open": int(one[-1])}
        for one in runs
    ]
    connection.execute(sa.insert(changed_span), values)
    newest = sa.select(sa.func.max(changed_span.c.id)).scalar_subquery()
    connection.execute(sa.delete(changed_span).where(changed_span.c.id <= newest - _KEEP))
