"""Bulk writes and reads of plain tuples: the driver's own, without a dict or object a row."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from core.storage.upsert import upsert_statement


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
    else:
        plain = type(rows) is list and type(rows[0]) is tuple
        connection.exec_driver_sql(text, rows if plain else [tuple(row) for row in rows])


def fetch_tuples(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """All rows of a query in their stored form: the driver's own tuples, no object a row."""
    result = connection.execute(query)
    try:
        return list(result.cursor.fetchall())
    finally:
        result.close()


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
