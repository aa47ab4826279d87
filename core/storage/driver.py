"""Bulk writes and reads of plain tuples: the driver's own, without a dict or object a row.

SQLite's driver gives up Python's lock for every step of a statement and has to win it
back, so beside a busy thread a row a step is slow out of all proportion (measured: 28
times). Many rows a statement cost no more than one and ask for the lock once.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

import sqlalchemy as sa

from core.storage.upsert import upsert_statement

_PARAMETERS = 900  # of one statement; SQLite's smallest limit is 999
Values = tuple[Any, ...]


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
        keyed = [dict(zip(names, row, strict=True)) for row in rows]
        connection.exec_driver_sql(text, keyed)
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


def _joined(rows: Sequence[Sequence[Any]], together: int) -> Iterator[Values]:
    """So many rows each as one long tuple."""
    for start in range(0, len(rows), together):
        yield tuple(chain.from_iterable(rows[start : start + together]))


@cache
def _with_rows(text: str, width: int, together: int) -> str:
    """The insert with places for so many rows of `width` values."""
    row = f"({', '.join('?' * width)})"
    before, found, after = text.partition(f"VALUES {row}")
    if not found:
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
