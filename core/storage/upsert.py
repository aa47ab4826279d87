"""Upserts on natural keys, alike on SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


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
