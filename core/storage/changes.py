"""Spans of feature rows and candles that changed since a reader last looked.

Whoever stores or replaces feature rows notes the span in the same transaction; whoever
builds on them (replay, signals in feature columns) keeps the id of the last span that
it has worked through. So a new row on top of a year costs what it costs on top of a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.storage.sql import raw
from core.storage.tables import candle_revision, candle_source, feature_change

Span = tuple[int, int]  # first and last candle open, stored µs, both included
_KEEP = 1000  # spans; who has not looked for longer looks at everything


@dataclass(frozen=True, slots=True)
class Changes:
    """`spans` in order, merged where they touch; None: unknown, look at everything."""

    newest: int
    spans: tuple[Span, ...] | None


def feature_changes(connection: sa.Connection, bot_id: int, seen: int | None) -> Changes:
    """What changed after the change with id `seen` (None: never looked)."""
    rows = connection.execute(
        sa.select(feature_change.c.id, feature_change.c.first_open, feature_change.c.last_open)
        .where(feature_change.c.bot_id == bot_id, feature_change.c.id > (seen or 0))
        .order_by(feature_change.c.id)
    ).all()
    oldest_kept, newest = connection.execute(
        sa.select(sa.func.min(feature_change.c.id), sa.func.max(feature_change.c.id))
    ).one()
    newest = newest or seen or 0
    is_forgotten = oldest_kept is not None and oldest_kept > (seen or 0) + 1
    if seen is None or is_forgotten:
        return Changes(newest, None)
    return Changes(newest, merge_spans([(row.first_open, row.last_open) for row in rows]))


def candle_changes(connection: sa.Connection, bot_id: int, seen: int | None) -> Changes:
    """Candles of any source of a bot that were contradicted or taken back after version `seen`."""
    revision = raw(candle_revision)
    rows = connection.execute(
        sa.select(revision.c.id, revision.c.candle_open)
        .join(candle_source, candle_source.c.id == revision.c.source_id)
        .where(candle_source.c.bot_id == bot_id, revision.c.id > (seen or 0))
    ).all()
    newest = max((row.id for row in rows), default=seen or 0)
    return Changes(newest, merge_spans([(row.candle_open, row.candle_open) for row in rows]))


def merge_spans(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Overlapping spans as one, in order."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def note_feature_rows(connection: sa.Connection, bot_id: int, candle_opens: npt.ArrayLike) -> None:
    """Note that feature rows at these candle opens (stored µs) are new or were replaced."""
    opened = np.asarray(candle_opens, dtype="int64")
    if opened.size == 0:
        return
    newest = connection.execute(
        sa.insert(feature_change)
        .values(bot_id=bot_id, first_open=int(opened.min()), last_open=int(opened.max()))
        .returning(feature_change.c.id)
    ).scalar_one()
    connection.execute(sa.delete(feature_change).where(feature_change.c.id <= newest - _KEEP))
