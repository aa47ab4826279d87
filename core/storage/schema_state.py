"""Whether a database's schema is the one that this program reads."""

from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaState(StrEnum):
    """MISSING: no schema yet; OLDER and NEWER than this program; CURRENT."""

    MISSING = "missing"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


REMEDY = {
    SchemaState.MISSING: "the database is empty; run the collector first",
    SchemaState.OLDER: "the database is of an older version; start the collector, which updates it",
    SchemaState.NEWER: "the database is of a newer version of this program; update the program",
}


def schema_state(connection: sa.Connection, *, migrations: Path = MIGRATIONS) -> SchemaState:
    """Compare the database's revision with the newest one of this program.

    Revisions are numbered in order (0001, 0002, …), so their texts compare.
    """
    if not sa.inspect(connection).has_table("alembic_version"):
        return SchemaState.MISSING
    stored = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    if stored is None:
        return SchemaState.MISSING
    newest = newest_revision(migrations)
    if stored == newest:
        return SchemaState.CURRENT
    return SchemaState.OLDER if str(stored) < newest else SchemaState.NEWER


def newest_revision(migrations: Path = MIGRATIONS) -> str:
    """The number that the newest migration's file name begins with."""
    return max(file.name.split("_")[0] for file in (migrations / "versions").glob("[0-9]*_*.py"))
