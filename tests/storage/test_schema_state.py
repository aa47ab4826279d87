"""A database of another version is told apart from an empty one, whichever is the older."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from core.storage.engine import writer_engine
from core.storage.schema_state import REMEDY, SchemaState, newest_revision, schema_state
from tests.databases import database_url


def test_the_migrated_database_is_current(connection: sa.Connection) -> None:
    assert schema_state(connection) is SchemaState.CURRENT


def test_an_empty_file_has_no_schema(tmp_path: Path) -> None:
    engine = writer_engine(database_url(tmp_path / "empty.db"))
    with engine.connect() as connection:
        assert schema_state(connection) is SchemaState.MISSING
    engine.dispose()


def test_a_migration_that_was_cut_off_before_its_first_revision_is_no_schema(
    connection: sa.Connection,
) -> None:
    connection.execute(sa.text("delete from alembic_version"))
    assert schema_state(connection) is SchemaState.MISSING


@pytest.mark.parametrize(
    ("revision", "state"),
    [("0000", SchemaState.OLDER), ("0010", SchemaState.NEWER), ("9999", SchemaState.NEWER)],
)
def test_another_revision_is_older_or_newer(
    connection: sa.Connection, revision: str, state: SchemaState
) -> None:
    connection.execute(sa.text("update alembic_version set version_num = :r"), {"r": revision})
    assert schema_state(connection) is state


def test_the_newest_revision_is_the_highest_number_among_the_migrations(tmp_path: Path) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    for name in ("0009_b.py", "0010_a.py", "0002_z.py", "__init__.py", "draft_0099.py"):
        (versions / name).touch()
    assert newest_revision(tmp_path) == "0010"


def test_what_this_program_reads_is_compared_with_its_own_migrations(
    connection: sa.Connection, tmp_path: Path
) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "0002_later.py").touch()
    assert schema_state(connection, migrations=tmp_path) is SchemaState.OLDER


def test_every_state_that_cannot_be_read_has_a_remedy() -> None:
    assert set(REMEDY) == set(SchemaState) - {SchemaState.CURRENT}
