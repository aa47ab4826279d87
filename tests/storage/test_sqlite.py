"""The file, its pragmas and what can go wrong with it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from core.errors import StorageError
from core.storage.engine import migrate, reader_engine, writer_engine
from tests.databases import database_url
from tests.storage.test_engine import insert_run

pytestmark = pytest.mark.sqlite("the file, its pragmas and what can go wrong with it")


def test_writer_sets_its_pragmas(tmp_path: Path) -> None:
    with writer_engine(database_url(tmp_path / "a.db")).connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 1,
        "busy_timeout": 10_000,
        "foreign_keys": 1,
    }


def test_a_missing_database_names_itself_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"align\.db: no database yet; run the collector"):
        reader_engine(database_url(tmp_path / "align.db"))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/align\.db: the folder does not exist"):
        writer_engine(database_url(tmp_path / "nowhere" / "align.db"))


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "align.db"
    file.write_text("this is no database, but long enough to be looked at as one" * 10)
    with pytest.raises(StorageError, match=r"align\.db: this file is no SQLite database"):
        migrate(writer_engine(database_url(file)))


def test_new_database_has_pages_for_several_vectors(tmp_path: Path) -> None:
    engine = writer_engine(database_url(tmp_path / "a.db"))
    migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("pragma page_size").scalar_one() == 8_192
    engine.dispose()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (b"no database" * 200, "this file is no SQLite database"),
        (None, "the file is damaged"),
    ],
)
def test_a_damaged_file_is_one_sentence_without_sql(
    tmp_path: Path, damage: bytes | None, sentence: str
) -> None:
    file = tmp_path / "a.db"
    engine = writer_engine(database_url(file))
    migrate(engine)
    engine.dispose()  # moves everything from the log into the file
    whole = file.read_bytes()
    for side in ("-wal", "-shm"):
        file.with_name(file.name + side).unlink(missing_ok=True)
    file.write_bytes(whole[:8_192] + b"\xff" * (len(whole) - 8_192) if damage is None else damage)
    with pytest.raises(StorageError, match=sentence) as caught:
        insert_run(writer_engine(database_url(file)))
    assert "insert" not in str(caught.value).lower()
    assert "sqlalche" not in str(caught.value)


def test_a_full_disk_is_one_sentence_without_sql_or_values(tmp_path: Path) -> None:
    engine = writer_engine(database_url(tmp_path / "a.db"))
    migrate(engine)
    with pytest.raises(StorageError) as caught, engine.begin() as connection:
        connection.exec_driver_sql("pragma max_page_count = 1")
        connection.exec_driver_sql("create table t (n text)")
        connection.execute(sa.text("insert into t values (:n)"), {"n": "secret" * 100_000})
    assert str(caught.value).endswith(
        "a.db: the disk is full; make room, nothing that was stored is lost"
    )
