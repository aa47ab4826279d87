"""Logged rows put straight into the database, for what builds on them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from core.bots import ensure_bot
from core.storage.changes import Subject, note_changes
from core.storage.engine import writer_engine
from core.storage.sql import raw
from core.storage.tables import feature_row, layout, log_file
from core.times import Timeframe, to_us
from tests.databases import migrated_url

FIVE = Timeframe.parse("5m")


def new_database(folder: Path) -> sa.Engine:
    """An empty database of the current schema."""
    return writer_engine(migrated_url(folder / "align.db"))


def new_bot(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return ensure_bot(connection, "btc-5m", "5m")


def opens(first: str, count: int) -> np.ndarray:
    """Candle opens of 5m as stored µs, from an ISO text with Z."""
    from datetime import datetime

    start = to_us(datetime.fromisoformat(first))
    return start + np.arange(count, dtype="int64") * FIVE.length_us


def store_rows(
    engine: sa.Engine,
    bot_id: int,
    columns: Sequence[str],
    candle_opens: np.ndarray,
    matrix: np.ndarray,
    texts: Mapping[int, Mapping[int, str]] | None = None,
) -> None:
    """Store rows as ingestion does; `texts`: row → position → text."""
    vectors = np.ascontiguousarray(matrix, dtype="<f8")
    with engine.begin() as connection:
        layout_id = ensure_layout(connection, bot_id, columns)
        file_id = _file(connection, bot_id)
        rows = [
            {
                "bot_id": bot_id,
                "candle_open": opened,
                "row_hash": vectors[row].tobytes()[:8],
                "layout_id": layout_id,
                "file_id": file_id,
                "generation": 0,
                "line": row + 2,
                "offset": 0,
                "length": 0,
                "is_recovered": False,
                "logged_at": opened + FIVE.length_us + 9_000_000,
                "close": _close(columns, vectors[row]),
                "texts": (texts or {}).get(row),
                "vector": vectors[row].tobytes(),
            }
            for row, opened in enumerate(candle_opens.tolist())
        ]
        table = raw(feature_row)
        connection.execute(
            sa.delete(table).where(
                table.c.bot_id == bot_id, table.c.candle_open == sa.bindparam("old")
            ),
            [{"old": opened} for opened in candle_opens.tolist()],
        )
        connection.execute(sa.insert(table), rows)
        note_changes(connection, bot_id, Subject.FEATURE_ROW, candle_opens)


def _close(columns: Sequence[str], row: np.ndarray) -> float | None:
    return float(row[list(columns).index("close")]) if "close" in columns else None


def ensure_layout(
    connection: sa.Connection, bot_id: int, columns: Sequence[str], kind: str = "feature_log"
) -> int:
    """The id of a bot's layout of these columns, made when it is new."""
    digest = json.dumps(list(columns))
    is_same = (layout.c.bot_id == bot_id, layout.c.kind == kind, layout.c.hash == digest)
    found = connection.scalar(sa.select(layout.c.id).where(*is_same))
    if found is not None:
        return int(found)
    values = {"bot_id": bot_id, "kind": kind, "hash": digest, "columns": list(columns)}
    return insert(connection, layout, values)


def insert(connection: sa.Connection, table: sa.Table, *rows: Mapping[str, object]) -> int:
    """Insert rows; returns the id of the last one, 0 where the table has no ids."""
    number = 0
    for row in rows:
        made = connection.execute(sa.insert(table).values(**row))
        if made.inserted_primary_key is not None:
            number = int(made.inserted_primary_key[0])
    return number


def _file(connection: sa.Connection, bot_id: int) -> int:
    found = connection.scalar(
        sa.select(log_file.c.id).where(log_file.c.bot_id == bot_id, log_file.c.log == "feature_log")
    )
    if found is not None:
        return int(found)
    values = {"bot_id": bot_id, "log": "feature_log", "path": "/log.csv", "offset": 0, "line": 0}
    return insert(connection, log_file, values)
