"""Rows in bulk, upserts and windows, alike for every table.

`UtcDateTime` makes one Python datetime a value, which costs more than the database
does; a bulk write or read moves int64 microseconds instead.

SQLite's driver gives up Python's lock for every step of a statement and has to win it
back, so beside a busy thread a row a step is slow out of all proportion (measured: 28
times). Many rows a statement cost no more than one and ask for the lock once.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.storage.tables import UtcDateTime, stored_number
from core.times import to_us

_PARAMETERS = 900  # of one statement; SQLite's smallest limit is 999
Values = tuple[Any, ...]
Query = TypeVar("Query", bound=sa.Select[*tuple[Any, ...]])


@cache
def raw(table: sa.Table) -> sa.Table:
    """The same table with every time column as stored microseconds (int)."""
    columns: list[sa.Column[int]] = [
        sa.Column(
            column.name,
            sa.BigInteger() if isinstance(column.type, UtcDateTime) else column.type,
            primary_key=column.primary_key,
        )
        for column in table.columns
    ]
    return sa.Table(table.name, sa.MetaData(), *columns)


def json_text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """A JSON column as the text that is stored; a server's driver would decode it otherwise."""
    return sa.cast(column, sa.Text)


def int64_rows(result: sa.CursorResult[Any], columns: int) -> npt.NDArray[np.int64]:
    """All rows of a query whose every column is a whole number, as rows × columns.

    Read from the driver's own cursor: a Row object for each would cost twice the time.
    """
    rows = result.cursor.fetchall() if result.cursor is not None else []
    flat = np.fromiter(itertools.chain.from_iterable(rows), dtype="int64")
    return flat.reshape(-1, columns)


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keep_existing: bool = False,
) -> None:
    """Insert rows; a row whose primary key exists replaces the other columns given.

    All rows have the same keys; no key may stand twice in `rows`. With
    `keep_existing` a row that is there already stays as it is.
    """
    if rows:
        statement = upsert_statement(
            connection.dialect, table, tuple(rows[0]), keep_existing=keep_existing
        )
        connection.execute(statement, list(rows))


def upsert_statement(
    dialect: sa.Dialect, table: sa.Table, names: Sequence[str], *, keep_existing: bool = False
) -> sa.Insert:
    """The insert of these columns, which replaces or keeps a row of the same primary key."""
    insert = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    if keep_existing or not changed:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def insert_many(
    connection: sa.Connection,
    table: sa.Table,
    names: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    *,
    replace: bool = False,
) -> None:
    """Insert tuples whose values stand in the order of `names`, in their stored form.

    Times are microseconds, JSON is text: nothing is converted on the way. With
    `replace` a row of the same primary key is overwritten.
    """
    if not rows:
        return
    text, order = _statement(table, names, connection.dialect, replace)
    if order is None:
        connection.exec_driver_sql(text, [_keyed(names, row) for row in rows])
        return
    together = max(1, _PARAMETERS // len(names))
    whole = len(rows) - len(rows) % together
    if whole:
        many = _with_rows(text, len(names), together)
        connection.exec_driver_sql(many, list(_joined(rows[:whole], together)))
    if whole < len(rows):
        connection.exec_driver_sql(text, [tuple(row) for row in rows[whole:]])


def fetch_tuples(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query in their stored form: the driver's own tuples, no object a row."""
    result = connection.execute(query)
    try:
        return list(result.cursor.fetchall())
    finally:
        result.close()


def _keyed(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """A row by name, its numbers as `Double` binds them."""
    return {
        name: stored_number(value) if isinstance(value, float) else value
        for name, value in zip(names, row, strict=True)
    }


def _joined(rows: Sequence[Sequence[Any]], together: int) -> Iterator[Values]:
    """So many rows each as one long tuple."""
    for start in range(0, len(rows), together):
        yield tuple(chain.from_iterable(rows[start : start + together]))


@cache
def _with_rows(text: str, width: int, together: int) -> str:
    """The insert with places for so many rows of `width` values."""
    row = f"({', '.join('?' * width)})"
    before, row_text, after = text.partition(f"VALUES {row}")
    if not row_text:
        raise ValueError(f"no row of {width} values in: {text}")
    return f"{before}VALUES {', '.join([row] * together)}{after}"


@cache
def _statement(
    table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect, replace: bool
) -> tuple[str, tuple[str, ...] | None]:
    """The insert as this driver takes it; None where it wants values by name."""
    statement = upsert_statement(dialect, table, names) if replace else sa.insert(table)
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    if not compiled.positional:
        return str(compiled), None
    order = tuple(compiled.positiontup or ())
    if order != names:
        raise ValueError(f"{table.name}: columns have to be named in the order {order}")
    return str(compiled), order


def within(
    query: Query,
    column: sa.ColumnElement[int],
    from_: datetime | None,
    until: datetime | None,
) -> Query:
    """The query on a window: `from_` inclusive, `until` exclusive; `column` as stored µs."""
    if from_ is not None:
        query = query.where(column >= to_us(from_))
    if until is not None:
        query = query.where(column < to_us(until))
    return query
