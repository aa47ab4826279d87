"""What the bot logged: candle opens, feature vectors, accounts, quarantine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.feature_log.batch import says
from core.feature_log.layout import Layout
from core.storage.sql import fetch_tuples, int64_rows, json_text, raw
from core.storage.tables import (
    feature_row,
    layout,
    log_file,
    quarantine,
)
from core.tailing.stream import line_at
from core.times import index_from_us, to_us

LOG = "feature_log"
_ROW = raw(feature_row)
_QUARANTINE = raw(quarantine)
_PAGE = 4096
_COUNTS = ("lines", "stored", "duplicates", "quarantined", "waiting", "recovered")


@dataclass(frozen=True, slots=True)
class LoggedBlock:
    """Consecutive rows of one layout, in order of candle opens.

    matrix: float64, rows × columns, NaN where a field is empty or holds text;
    texts: by row, column name → text (of read_vectors with_texts only).
    """

    columns: tuple[str, ...]
    candle_opens: npt.NDArray[np.int64]  # stored µs
    matrix: npt.NDArray[np.float64]
    layout_id: int
    texts: tuple[dict[str, str], ...] = ()


def logged_opens(
    connection: sa.Connection,
    bot_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DatetimeIndex:
    """Candle opens of the stored rows, in order; from_ inclusive, until exclusive."""
    query = sa.select(_ROW.c.candle_open).where(*_window(bot_id, from_, until))
    rows = connection.execute(query.order_by(_ROW.c.candle_open))
    return index_from_us(int64_rows(rows, 1)[:, 0])


def read_vectors(
    connection: sa.Connection,
    bot_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
    *,
    with_texts: bool = False,
) -> Iterator[LoggedBlock]:
    """Stored rows in blocks of one layout, at most some thousand rows each, in order.

    Each block is a query of its own, so the caller may write in between.
    """
    layouts = _layouts(connection, bot_id)
    columns: list[Any] = [_ROW.c.candle_open, _ROW.c.layout_id, _ROW.c.vector]
    if with_texts:
        columns.append(json_text(_ROW.c.texts))
    query = sa.select(*columns).where(*_window(bot_id, from_, until)).order_by(_ROW.c.candle_open)
    page: list[Any] = []
    while True:
        after = () if not page else (_ROW.c.candle_open > page[-1][0],)
        page = fetch_tuples(connection, query.where(*after).limit(_PAGE))
        for layout_id, group in groupby(page, key=itemgetter(1)):
            yield _block(list(group), layouts[layout_id], layout_id, with_texts)
        if len(page) < _PAGE:
            return


def _block(
    rows: list[Any], columns: tuple[str, ...], layout_id: int, with_texts: bool
) -> LoggedBlock:
    vectors = b"".join(map(itemgetter(2), rows))
    return LoggedBlock(
        columns,
        np.fromiter(map(itemgetter(0), rows), np.int64, len(rows)),
        np.frombuffer(vectors, dtype="<f8").reshape(len(rows), len(columns)),
        layout_id,
        tuple(_texts(row[3], columns) for row in rows) if with_texts else (),
    )


def _texts(document: str | None, columns: tuple[str, ...]) -> dict[str, str]:
    known = json.loads(document) if document else None
    return {columns[int(at)]: text for at, text in (known or {}).items()}


def read_vector(connection: sa.Connection, bot_id: int, candle_open: datetime) -> pd.Series | None:
    """One stored row by column name: numbers, and text where text was logged; None without one."""
    until = candle_open + pd.Timedelta(microseconds=1)
    for block in read_vectors(connection, bot_id, candle_open, until, with_texts=True):
        texts = block.texts[0]
        values = block.matrix[0].tolist()
        cells = [
            texts.get(name, value) if value != value else value
            for name, value in zip(block.columns, values, strict=True)
        ]
        return pd.Series(cells, index=list(block.columns), dtype=object if texts else "float64")
    return None


def collection_rows(
    connection: sa.Connection,
    bot_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """candle_open, logged_at (UTC, NaT: not known), is_recovered, layout_id of every stored row."""
    names = ["logged_at", "is_recovered", "layout_id"]
    frame = _frame(connection, names, _window(bot_id, from_, until))
    return frame.assign(
        logged_at=_times(frame["logged_at"]), is_recovered=frame["is_recovered"].astype(bool)
    )


def ingestion_account(connection: sa.Connection, bot_id: int) -> dict[str, int]:
    """lines, stored, duplicates, quarantined, waiting, recovered.

    Lines are the sum of the next four; those that wait are held back behind an open quote.
    """
    sums = [sa.func.coalesce(sa.func.sum(log_file.c[name]), 0) for name in _COUNTS]
    row = connection.execute(
        sa.select(*sums).where(log_file.c.bot_id == bot_id, log_file.c.log == LOG)
    ).one()
    account = {name: int(count) for name, count in zip(_COUNTS, row, strict=True)}
    return {**account, "lines": account["lines"] + account["waiting"]}


def quarantined(connection: sa.Connection, bot_id: int, limit: int | None = None) -> pd.DataFrame:
    """Quarantined lines in the order of their files, newest file last.

    file, line, offset, length, reason, detail, candle_open (NaT: not known),
    raw (bytes, None beyond 1 MB), sha256 (of the line without its line end).
    """
    names = ["line", "offset", "length", "reason", "detail", "candle_open", "raw", "sha256"]
    columns: list[Any] = [log_file.c.path, *(_QUARANTINE.c[name] for name in names)]
    query = (
        sa.select(*columns)
        .join(log_file, log_file.c.id == _QUARANTINE.c.file_id)
        .where(_QUARANTINE.c.bot_id == bot_id)
        .order_by(log_file.c.path, _QUARANTINE.c.generation, _QUARANTINE.c.line)
        .limit(limit)
    )
    rows: list[Any] = list(connection.execute(query))
    frame = pd.DataFrame(rows, columns=["file", *names])
    return frame.assign(candle_open=_times(frame["candle_open"]))


def layout_columns(connection: sa.Connection, bot_id: int) -> tuple[str, ...]:
    """Every column name that any layout of the feature log has, in order of first appearance."""
    layouts = _layouts(connection, bot_id)
    return tuple(dict.fromkeys(name for number in sorted(layouts) for name in layouts[number]))


def layout_changes(connection: sa.Connection, bot_id: int) -> pd.DataFrame:
    """Where the layout of the stored rows changes: candle_open, layout_id, came, went (columns)."""
    layouts = _layouts(connection, bot_id)
    rows = collection_rows(connection, bot_id)
    changed = rows[rows["layout_id"] != rows["layout_id"].shift()]
    numbers = [None, *changed["layout_id"].tolist()]
    columns = [() if number is None else layouts[number] for number in numbers]
    came = [tuple(n for n in new if n not in old) for old, new in pairwise(columns)]
    went = [tuple(n for n in old if n not in new) for old, new in pairwise(columns)]
    return changed[["candle_open", "layout_id"]].assign(
        came=pd.Series(came, index=changed.index, dtype=object),
        went=pd.Series(went, index=changed.index, dtype=object),
    )


def _layouts(connection: sa.Connection, bot_id: int) -> dict[int, tuple[str, ...]]:
    rows = connection.execute(
        sa.select(layout.c.id, layout.c.columns).where(
            layout.c.bot_id == bot_id, layout.c.kind == LOG
        )
    )
    return {int(number): tuple(columns) for number, columns in rows}


def _window(bot_id: int, from_: datetime | None, until: datetime | None) -> list[Any]:
    conditions = [_ROW.c.bot_id == bot_id]
    if from_ is not None:
        conditions.append(_ROW.c.candle_open >= to_us(from_))
    if until is not None:
        conditions.append(_ROW.c.candle_open < to_us(until))
    return conditions


def _frame(connection: sa.Connection, names: list[str], where: list[Any]) -> pd.DataFrame:
    query = sa.select(_ROW.c.candle_open, *(_ROW.c[name] for name in names)).where(*where)
    rows: list[Any] = list(connection.execute(query.order_by(_ROW.c.candle_open)))
    frame = pd.DataFrame(rows, columns=["candle_open", *names])
    return frame.assign(candle_open=index_from_us(frame["candle_open"].to_numpy("int64")))


def _times(stored: pd.Series) -> pd.Series:
    """Stored microseconds with gaps → UTC times with NaT."""
    known = pd.to_numeric(stored).astype("Int64")
    times = known.to_numpy("int64", na_value=np.iinfo(np.int64).min).astype("datetime64[us]")
    return pd.Series(times, index=stored.index).dt.tz_localize("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedLine:
    """Where a candle's row was logged. `text` is None where it cannot be read any more."""

    path: str
    line: int
    logged_at: datetime | None
    is_recovered: bool
    text: str | None
    problem: str | None


def logged_line(connection: sa.Connection, bot_id: int, candle_open: datetime) -> LoggedLine | None:
    """The line that a candle's row was read from; None where the candle was not logged.

    Its file, packed or plain, is read again at the stored place. What stands there is
    shown only while it still holds the values of the stored row, by the row's hash.
    """
    row = connection.execute(
        sa.select(
            log_file.c.path,
            log_file.c.generation.label("file_generation"),
            feature_row.c.generation,
            feature_row.c.line,
            feature_row.c.offset,
            feature_row.c.length,
            feature_row.c.row_hash,
            feature_row.c.logged_at,
            feature_row.c.is_recovered,
            layout.c.columns,
        )
        .join(log_file, log_file.c.id == feature_row.c.file_id)
        .join(layout, layout.c.id == feature_row.c.layout_id)
        .where(feature_row.c.bot_id == bot_id, feature_row.c.candle_open == candle_open)
    ).first()
    if row is None:
        return None
    content = line_at(Path(row.path), row.offset, row.length)
    is_same = content is not None and says(content, Layout(tuple(row.columns)), bytes(row.row_hash))
    return LoggedLine(
        path=row.path,
        line=row.line,
        logged_at=row.logged_at,
        is_recovered=row.is_recovered,
        text=content.decode().rstrip("\r\n") if content is not None and is_same else None,
        problem=None if is_same else _why_gone(row, is_there=content is not None),
    )


def _why_gone(row: Any, *, is_there: bool) -> str:
    """Why the line of a stored row cannot be shown any more."""
    if row.generation != row.file_generation:
        return "the file was replaced since this row was read"
    if is_there:
        return "the line was changed since this row was read"
    if not Path(row.path).exists():
        return "the file is no longer there"
    return "the file cannot be read up to this line any more"


def neighbour_opens(
    connection: sa.Connection, bot_id: int, candle_open: datetime
) -> tuple[datetime | None, datetime | None]:
    """The nearest logged candles before and after."""
    opened = sa.type_coerce(feature_row.c.candle_open, sa.BigInteger)
    here = to_us(candle_open)
    query = sa.select(feature_row.c.candle_open).where(feature_row.c.bot_id == bot_id).limit(1)
    before = connection.scalar(query.where(opened < here).order_by(opened.desc()))
    after = connection.scalar(query.where(opened > here).order_by(opened))
    return before, after
