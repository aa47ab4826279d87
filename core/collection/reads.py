"""The feature log as the dashboard needs it: when rows came, never what is in them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.storage.sql import int64_rows, raw, within
from core.storage.tables import feature_row, layout, log_file, quarantine
from core.times import index_from_us

_ROW = raw(feature_row)
_QUARANTINE = raw(quarantine)
MAX_SHOWN_RAW = 4_000
_UNKNOWN = int(np.iinfo(np.int64).min)  # what NaT is in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A sequence of column names that rows of the feature log have."""

    id: int
    columns: tuple[str, ...]


def collection_frame(
    connection: sa.Connection,
    bot_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Rows of a window by time: candle_open, logged_at (NaT unknown), is_recovered, layout_id.

    Read from the index ix_feature_row_collection alone, so that no vector is touched.
    """
    query = (
        sa.select(_ROW.c.candle_open, _ROW.c.logged_at, _ROW.c.is_recovered, _ROW.c.layout_id)
        .where(_ROW.c.bot_id == bot_id)
        .order_by(_ROW.c.candle_open)
    )
    query = query.with_only_columns(
        _ROW.c.candle_open,
        sa.func.coalesce(_ROW.c.logged_at, _UNKNOWN),
        sa.cast(_ROW.c.is_recovered, sa.Integer),
        _ROW.c.layout_id,
    )
    rows = connection.execute(within(query, _ROW.c.candle_open, from_, until))
    values = int64_rows(rows, 4)
    return pd.DataFrame(
        {
            "candle_open": index_from_us(values[:, 0]),
            "logged_at": index_from_us(values[:, 1]),
            "is_recovered": values[:, 2].astype(bool),
            "layout_id": values[:, 3],
        }
    )


def quarantined_opens(connection: sa.Connection, bot_id: int) -> pd.DatetimeIndex:
    """Candle opens of lines in quarantine, as far as they could be read."""
    opens = connection.scalars(
        sa.select(_QUARANTINE.c.candle_open)
        .where(_QUARANTINE.c.bot_id == bot_id, _QUARANTINE.c.candle_open.is_not(None))
        .distinct()
    ).all()
    return index_from_us(sorted(opens))


def quarantine_reasons(connection: sa.Connection, bot_id: int) -> list[tuple[str, int]]:
    """How many lines wait for which reason, most frequent first."""
    rows = connection.execute(
        sa.select(quarantine.c.reason, sa.func.count())
        .where(quarantine.c.bot_id == bot_id)
        .group_by(quarantine.c.reason)
        .order_by(sa.func.count().desc(), quarantine.c.reason)
    )
    return [(reason, int(count)) for reason, count in rows]


def quarantined_lines(
    connection: sa.Connection, bot_id: int, *, reason: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """The newest lines in quarantine: path, line, reason, detail, candle_open, raw (as text).

    Bytes that are no UTF-8 are shown as such; very long lines are cut.
    """
    query = (
        sa.select(
            log_file.c.path,
            quarantine.c.line,
            quarantine.c.reason,
            quarantine.c.detail,
            quarantine.c.candle_open,
            quarantine.c.length,
            sa.func.substr(quarantine.c.raw, 1, MAX_SHOWN_RAW).label("raw"),
        )
        .join(log_file, log_file.c.id == quarantine.c.file_id)
        .where(quarantine.c.bot_id == bot_id)
        .order_by(quarantine.c.id.desc())
        .limit(limit)
    )
    if reason is not None:
        query = query.where(quarantine.c.reason == reason)
    return [
        {**row, "raw": None if row["raw"] is None else _text(row["raw"])}
        for row in connection.execute(query).mappings()
    ]


def layouts(connection: sa.Connection, bot_id: int) -> dict[int, Layout]:
    """Every layout of the bot's feature log by id."""
    rows = connection.execute(
        sa.select(layout.c.id, layout.c.columns).where(
            layout.c.bot_id == bot_id, layout.c.kind == "feature_log"
        )
    )
    return {row.id: Layout(id=row.id, columns=tuple(row.columns)) for row in rows}


def files(connection: sa.Connection, bot_id: int) -> list[dict[str, Any]]:
    """Every file that was read: log, path, lines and what became of them, problem, read_at."""
    names = (
        "log", "path", "stored", "duplicates", "quarantined", "waiting", "recovered", "problem",
        "read_at",
    )  # fmt: skip
    lines = (log_file.c.lines + log_file.c.waiting).label("lines")
    rows = connection.execute(
        sa.select(lines, *(log_file.c[name] for name in names))
        .where(log_file.c.bot_id == bot_id)
        .order_by(log_file.c.log, log_file.c.path)
    )
    return [dict(row) for row in rows.mappings()]


def _text(raw_line: bytes | str) -> str:
    return raw_line if isinstance(raw_line, str) else raw_line.decode("utf-8", "backslashreplace")
