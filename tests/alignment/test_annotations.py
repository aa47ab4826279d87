from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.alignment.annotations import MAX_NOTE, annotate, annotation_version, read_annotation
from core.bots import ensure_bot
from core.errors import StorageError
from core.storage.engine import migrate, reader_engine, writer_engine
from core.storage.schema_state import SchemaState, newest_revision, schema_state
from tests.databases import database_url

AT = datetime(2025, 11, 3, 4, 45, tzinfo=UTC)
NOW = datetime(2025, 11, 6, 12, 0, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = database_url(tmp_path / "align.db")
    engine = writer_engine(address)
    migrate(engine)
    with engine.begin() as connection:
        ensure_bot(connection, "btc", "5m")
    engine.dispose()
    return address


def test_a_note_is_read_back_by_a_reader_of_another_process(url: str) -> None:
    annotate(url, 1, AT, is_reviewed=True, note="seen\n“outage”", now=NOW)
    with reader_engine(url).connect() as connection:
        found = read_annotation(connection, 1, AT)
        assert found is not None
        assert (found.is_reviewed, found.note, found.written_at) == (True, "seen\n“outage”", NOW)
        assert read_annotation(connection, 1, AT + timedelta(minutes=5)) is None


def test_the_newest_note_stays_and_moves_the_version(url: str) -> None:
    with reader_engine(url).connect() as connection:
        assert annotation_version(connection) == 0
    annotate(url, 1, AT, is_reviewed=True, note="first", now=NOW)
    annotate(url, 1, AT, is_reviewed=False, note="second", now=NOW + timedelta(seconds=1))
    with reader_engine(url).connect() as connection:
        found = read_annotation(connection, 1, AT)
        assert found is not None
        assert (found.is_reviewed, found.note) == (False, "second")
        assert annotation_version(connection) == int(NOW.timestamp() * 1e6) + 1_000_000


def test_a_note_that_is_too_long_is_refused(url: str) -> None:
    with pytest.raises(StorageError, match=f"at most {MAX_NOTE}"):
        annotate(url, 1, AT, is_reviewed=True, note="x" * (MAX_NOTE + 1), now=NOW)


def test_a_note_about_no_bot_is_an_error_that_a_reader_understands(url: str) -> None:
    with pytest.raises(StorageError, match="could not be stored"):
        annotate(url, 99, AT, is_reviewed=True, note="", now=NOW)


def test_a_dashboards_engine_cannot_write(url: str) -> None:
    with (
        reader_engine(url).connect() as connection,
        pytest.raises(StorageError, match="it can only be read"),
    ):
        connection.execute(sa.text("delete from bot"))


def test_the_schema_is_told_by_its_revision(url: str, tmp_path: Path) -> None:
    engine = writer_engine(url)
    with engine.begin() as connection:
        assert schema_state(connection) is SchemaState.CURRENT
        connection.execute(sa.text("update alembic_version set version_num = '0000'"))
        assert schema_state(connection) is SchemaState.OLDER
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
        assert schema_state(connection) is SchemaState.NEWER
        connection.execute(sa.text("delete from alembic_version"))
        assert schema_state(connection) is SchemaState.MISSING
    engine.dispose()
    empty = writer_engine(database_url(tmp_path / "empty.db"))
    with empty.connect() as connection:
        assert schema_state(connection) is SchemaState.MISSING
    empty.dispose()
    assert newest_revision().isdigit()
