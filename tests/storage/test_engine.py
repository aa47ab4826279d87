import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import StatementError

from core.errors import StorageError
from core.storage.engine import migrate, reader_engine, snapshot, writer_engine
from core.storage.tables import metadata, run
from core.storage.watermarks import read_watermark, write_watermark
from tests.databases import database_url
from tests.stored_rows import new_bot


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = database_url(tmp_path / "align.db")
    migrate(writer_engine(address))
    return address


def insert_run(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.insert(run).values(
                step="pair", started_at=datetime(2025, 11, 3, tzinfo=UTC), outcome="done"
            )
        )


def test_migrated_schema_equals_the_tables(url: str) -> None:
    with writer_engine(url).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"render_as_batch": True, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_changes_nothing(url: str) -> None:
    engine = writer_engine(url)
    insert_run(engine)
    migrate(engine)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(run)) == 1


def test_reader_cannot_write(url: str) -> None:
    with pytest.raises(StorageError, match="it can only be read"):
        insert_run(reader_engine(url))


def test_reader_reads_beside_an_open_write(url: str) -> None:
    writer = writer_engine(url)
    with writer.begin() as connection:
        connection.execute(
            sa.insert(run).values(
                step="pair", started_at=datetime(2025, 11, 3, tzinfo=UTC), outcome="done"
            )
        )
        with snapshot(reader_engine(url)) as reading:
            assert reading.scalar(sa.select(sa.func.count()).select_from(run)) == 0


def test_a_snapshot_does_not_see_later_writes(url: str) -> None:
    with snapshot(reader_engine(url)) as reading:
        count = sa.select(sa.func.count()).select_from(run)
        assert reading.scalar(count) == 0
        insert_run(writer_engine(url))
        assert reading.scalar(count) == 0


def test_ddl_rolls_back_with_its_transaction(url: str) -> None:
    engine = writer_engine(url)
    with pytest.raises(RuntimeError), engine.begin() as connection:
        connection.exec_driver_sql("create table half_way (id integer)")
        raise RuntimeError
    assert not sa.inspect(engine).has_table("half_way")


def test_naive_times_are_refused(url: str) -> None:
    naive = datetime(2025, 11, 3)  # noqa: DTZ001
    with (
        pytest.raises(StatementError, match="without a zone"),
        writer_engine(url).begin() as connection,
    ):
        connection.execute(sa.insert(run).values(step="pair", started_at=naive, outcome="done"))


def test_times_come_back_as_the_same_instant_in_utc(url: str) -> None:
    written = datetime.fromisoformat("2025-11-03T09:00:00.123456+09:00")
    engine = writer_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.insert(run).values(step="pair", started_at=written, outcome="done"))
        read = connection.scalar(sa.select(run.c.started_at))
    assert read == written
    assert str(read) == "2025-11-03 00:00:00.123456+00:00"


@pytest.mark.parametrize(
    "url", ["nosuchdb://trader:geheim@host/db", "postgresql+nodriver://trader:geheim@host/db"]
)
def test_errors_never_show_the_password(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        writer_engine(url)
    assert "geheim" not in str(caught.value)
    assert "host/db" in str(caught.value)


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(url: str) -> None:
    engine = writer_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StorageError, match=r"align.*: .* newer version .* update the program"):
        migrate(engine)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("select version_num from alembic_version")) == "9999"


def test_two_writers_lose_nothing_of_each_other(url: str) -> None:
    """Each has an engine of its own, as two processes have."""
    bot = new_bot(writer_engine(url))

    def count_up() -> None:
        engine = writer_engine(url)
        for _ in range(25):
            with engine.begin() as connection:
                before = read_watermark(connection, bot, "count") or 0
                write_watermark(connection, bot, "count", before + 1)
        engine.dispose()

    writers = [threading.Thread(target=count_up) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with writer_engine(url).connect() as connection:
        assert read_watermark(connection, bot, "count") == 50


WRITE_AND_DIE = """
import os, sys
from core.storage.engine import writer_engine
engine = writer_engine(sys.argv[1])
with engine.begin() as connection:
    connection.exec_driver_sql("insert into bot (name, timeframe) values ('half', '5m')")
    os._exit(9)
"""


def test_a_writer_that_dies_leaves_neither_rows_nor_a_lock(url: str) -> None:
    died = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, url], check=False)
    assert died.returncode == 9
    engine = writer_engine(url)
    new_bot(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select name from bot").scalars().all() == ["btc-5m"]


def test_a_row_that_points_to_nothing_is_refused(url: str) -> None:
    with pytest.raises(sa.exc.IntegrityError), writer_engine(url).begin() as connection:
        connection.exec_driver_sql(
            "insert into comparison (bot_id, name, position, spec, is_configured)"
            " values (77, 'replay', 0, '{}', true)"
        )


def test_many_writers_take_turns_instead_of_failing(tmp_path: Path) -> None:
    """Seen: with 50 bots two first ingests failed, "database is locked" and an exhausted pool."""
    engine = writer_engine(database_url(tmp_path / "a.db"))
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table count_of (n integer)")
        connection.exec_driver_sql("insert into count_of values (0)")

    def add(_number: int) -> None:
        with snapshot(engine) as reading, engine.begin() as connection:
            before = reading.exec_driver_sql("select n from count_of").scalar_one()
            assert before >= 0
            connection.exec_driver_sql("update count_of set n = n + 1")
            time.sleep(0.01)

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(add, range(200)))
    with snapshot(engine) as connection:
        assert connection.exec_driver_sql("select n from count_of").scalar_one() == 200


def test_the_turn_is_given_back_by_whatever_ends_a_transaction(tmp_path: Path) -> None:
    engine = writer_engine(database_url(tmp_path / "a.db"))
    migrate(engine)
    with pytest.raises(ZeroDivisionError), engine.begin():
        raise ZeroDivisionError
    with engine.connect() as connection:  # two transactions of one connection
        connection.exec_driver_sql("select 1")
        connection.commit()
        connection.exec_driver_sql("select 1")
    done = threading.Event()

    def write() -> None:
        with engine.begin():
            done.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    assert done.wait(5)
    thread.join(5)


def test_a_read_beside_a_write_of_the_same_process_does_not_wait(tmp_path: Path) -> None:
    engine = writer_engine(database_url(tmp_path / "a.db"))
    migrate(engine)
    with engine.begin() as writing, ThreadPoolExecutor(1) as pool:
        before = len(metadata.tables) + 1  # alembic's own
        writing.exec_driver_sql("create table t (n integer)")

        def names() -> int:
            with snapshot(engine) as reading:
                return len(sa.inspect(reading).get_table_names())

        assert pool.submit(names).result(timeout=5) == before
