"""Candles by source, as frames: candle_open (UTC), open, high, low, close, volume."""

from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.market import OHLCV
from core.storage.sql import int64_rows, raw
from core.storage.tables import candle, candle_revision, candle_source, feature_row
from core.times import index_from_us, to_us

FEATURE_LOG = "feature_log"


def read_candles(
    conn: sa.Connection,
    bot_id: int,
    source: str,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Current closed candles of one source, in order; from_ inclusive, until exclusive.

    Source "feature_log" is what the bot itself logged (rows without all five
    numbers are left out). An unknown source has no candles.
    """
    table, is_it = _current(bot_id, source)
    query = sa.select(table.c.candle_open, *(table.c[name] for name in OHLCV)).where(is_it)
    return _frame(conn, _within(query, table, from_, until).order_by(table.c.candle_open))


def nth_open_after(
    conn: sa.Connection, bot_id: int, source: str, at_us: int, count: int
) -> int | None:
    """The open (µs) of the count-th candle from `at_us` on, None where there are fewer."""
    table, is_it = _current(bot_id, source)
    query = sa.select(table.c.candle_open).where(is_it, table.c.candle_open >= at_us)
    return conn.scalar(query.order_by(table.c.candle_open).limit(1).offset(count - 1))


def nth_open_before(
    conn: sa.Connection, bot_id: int, source: str, at_us: int, count: int
) -> int | None:
    """The open (µs) of the count-th candle before `at_us`, None where there are fewer."""
    table, is_it = _current(bot_id, source)
    query = sa.select(table.c.candle_open).where(is_it, table.c.candle_open < at_us)
    return conn.scalar(query.order_by(table.c.candle_open.desc()).limit(1).offset(count - 1))


def _current(bot_id: int, source: str) -> tuple[sa.Table, sa.ColumnElement[bool]]:
    """The table that holds a source's candles, and which of its rows they are."""
    if source == FEATURE_LOG:
        table = raw(feature_row)
        is_whole = (table.c[name].is_not(None) for name in OHLCV)
        return table, sa.and_(table.c.bot_id == bot_id, *is_whole)
    table = raw(candle)
    return table, table.c.source_id == _source_id(bot_id, source)


def default_source(configured: str | None, sources: tuple[str, ...]) -> str:
    """The source a backtest uses: its own, else the first configured, else the feature log."""
    return configured or (sources[0] if sources else FEATURE_LOG)


def candle_sources(conn: sa.Connection, bot_id: int) -> dict[str, dict[str, Any]]:
    """State of every stored source by name: files, problem, since when (see docs/backtests.md)."""
    rows = conn.execute(
        sa.select(candle_source.c.name, candle_source.c.state)
        .where(candle_source.c.bot_id == bot_id)
        .order_by(candle_source.c.id)
    )
    return {str(name): dict(state) for name, state in rows}


def read_revisions(
    conn: sa.Connection,
    bot_id: int,
    source: str,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Every version of the candles that a source disagreed about, with origin and is_unfinished."""
    table = raw(candle_revision)
    names = ("candle_open", *OHLCV, "origin", "is_unfinished", "seen_at")
    query = sa.select(*(table.c[name] for name in names)).where(
        table.c.source_id == _source_id(bot_id, source)
    )
    rows = conn.execute(
        _within(query, table, from_, until).order_by(table.c.candle_open, table.c.id)
    )
    frame = pd.DataFrame(rows.all(), columns=list(names))
    return frame.assign(
        candle_open=index_from_us(frame["candle_open"].to_numpy("int64")),
        seen_at=index_from_us(frame["seen_at"].to_numpy("int64")),
        is_unfinished=frame["is_unfinished"].astype(bool),
    )


def read_numbers(
    conn: sa.Connection, source_id: int, open_us: int
) -> npt.NDArray[np.float64] | None:
    """The five numbers of one current candle of a source, None where it has none."""
    table = raw(candle)
    row = conn.execute(
        sa.select(*(table.c[name] for name in OHLCV)).where(
            table.c.source_id == source_id, table.c.candle_open == open_us
        )
    ).first()
    return None if row is None else np.array(tuple(row), dtype="float64")


def stored_opens(conn: sa.Connection, source_id: int) -> npt.NDArray[np.int64]:
    """Candle opens (µs) of a source's current candles, in order."""
    table = raw(candle)
    query = sa.select(table.c.candle_open).where(table.c.source_id == source_id)
    return int64_rows(conn.execute(query.order_by(table.c.candle_open)), 1)[:, 0]


def _source_id(bot_id: int, source: str) -> sa.ScalarSelect[int]:
    return (
        sa.select(candle_source.c.id)
        .where(candle_source.c.bot_id == bot_id, candle_source.c.name == source)
        .scalar_subquery()
    )


def _within(
    query: sa.Select[Any], table: sa.Table, from_: datetime | None, until: datetime | None
) -> sa.Select[Any]:
    if from_ is not None:
        query = query.where(table.c.candle_open >= to_us(from_))
    if until is not None:
        query = query.where(table.c.candle_open < to_us(until))
    return query


def _frame(conn: sa.Connection, query: sa.Select[Any]) -> pd.DataFrame:
    rows = conn.execute(query).all()
    opens = np.fromiter((row[0] for row in rows), dtype="int64", count=len(rows))
    numbers = np.array([tuple(row)[1:] for row in rows], dtype="float64").reshape(len(rows), 5)
    frame = pd.DataFrame(numbers, columns=list(OHLCV))
    frame.insert(0, "candle_open", index_from_us(opens))
    return frame


def revised_candles(connection: sa.Connection, bot_id: int, since: datetime) -> int:
    """How many candles changed after they were first stored, as seen since then.

    A contradicted candle keeps every version: it counts once a source.
    """
    changed = (
        sa.select(candle_revision.c.source_id, candle_revision.c.candle_open)
        .join(candle_source, candle_source.c.id == candle_revision.c.source_id)
        .where(candle_source.c.bot_id == bot_id, candle_revision.c.seen_at >= since)
        .distinct()
    )
    query = sa.select(sa.func.count()).select_from(changed.subquery())
    return int(connection.execute(query).scalar_one())
