"""What a server does otherwise than a file: connections, users, plans, several machines."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.alignment.annotations import annotate, read_annotation
from core.bots import ensure_bot
from core.errors import StorageError
from core.storage import engine as engine_module
from core.storage.engine import reader_engine, snapshot, writer_engine
from core.storage.failures import failure_sentence
from core.storage.schema_state import SchemaState, schema_state
from core.storage.tables import run
from tests.databases import migrated_url
from tests.storage.test_engine import insert_run

pytestmark = pytest.mark.postgres("the server, its connections and what can go wrong with them")


SOON = engine_module._TAKE_WRITE_LOCK.replace("= 10000", "= 100")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return migrated_url(tmp_path / "align.db")


def _cut_every_connection(url: str) -> None:
    """As a restart of the server does, for every connection but this one."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


def test_a_restarted_server_costs_no_cycle(url: str) -> None:
    """Connections that wait in the pool are dead then."""
    writer, reader = writer_engine(url), reader_engine(url)
    insert_run(writer)
    with reader.connect() as connection:
        connection.execute(sa.select(run.c.id))
    _cut_every_connection(url)
    insert_run(writer)
    with reader.connect() as connection:
        assert len(connection.execute(sa.select(run.c.id)).all()) == 2
    writer.dispose()
    reader.dispose()


def test_a_connection_lost_in_a_transaction_is_one_sentence_and_the_next_one_goes_on(
    url: str,
) -> None:
    engine = writer_engine(url)
    with (
        pytest.raises(StorageError, match="the database server refused") as caught,
        engine.begin() as connection,
    ):
        connection.execute(sa.select(run.c.id))
        _cut_every_connection(url)
        connection.execute(sa.select(run.c.id))
    assert "select" not in str(caught.value).lower()
    with ThreadPoolExecutor(1) as another:  # its turn came, too
        another.submit(insert_run, engine).result(timeout=20)
    engine.dispose()


def test_a_writer_that_waits_for_another_process_gives_up_in_one_sentence(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_TAKE_WRITE_LOCK", SOON)
    first, second = writer_engine(url), writer_engine(url)
    with (
        first.begin(),
        pytest.raises(StorageError, match="another process holds it"),
        second.begin(),
    ):
        pytest.fail("two write at once")
    with ThreadPoolExecutor(1) as another:
        another.submit(insert_run, second).result(timeout=20)
    first.dispose()
    second.dispose()


def test_a_failed_statement_leaves_nothing_behind_in_the_connection(url: str) -> None:
    engine = writer_engine(url)
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.insert(run).values(id=1, step="a", started_at=None, outcome="x"))
    with snapshot(engine) as connection:
        assert connection.execute(sa.select(run.c.id)).all() == []
    insert_run(engine)
    engine.dispose()


def test_the_writing_engine_writes_again_after_a_snapshot_on_the_same_connection(url: str) -> None:
    engine = writer_engine(url)
    with snapshot(engine) as connection, pytest.raises(StorageError, match="only be read"):
        connection.execute(sa.text("delete from run"))
    insert_run(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("part", "name", "sentence"),
    [
        ("database", "nowhere", 'database "nowhere" does not exist'),
        ("username", "nobody", 'role "nobody" does not exist'),
    ],
)
def test_a_refused_connection_is_one_sentence_without_the_password(
    url: str, part: str, name: str, sentence: str
) -> None:
    known = sa.make_url(url).set(password="geheim")
    wrong = known.set(database=name) if part == "database" else known.set(username=name)
    engine = reader_engine(wrong.render_as_string(hide_password=False))
    with pytest.raises(StorageError) as caught, engine.connect():
        pytest.fail("connected")
    assert sentence in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_user_without_rights_is_one_sentence(url: str) -> None:
    admin = writer_engine(url)
    with admin.begin() as connection:
        connection.exec_driver_sql("drop role if exists align_guest")
        connection.exec_driver_sql("create role align_guest login")
    guest = writer_engine(
        sa.make_url(url).set(username="align_guest").render_as_string(hide_password=False)
    )
    with pytest.raises(StorageError, match="access is refused; let the user"):
        insert_run(guest)
    guest.dispose()
    with admin.begin() as connection:
        connection.exec_driver_sql("drop role align_guest")
    admin.dispose()


def test_the_pages_user_reads_and_notes_and_changes_nothing_else(url: str) -> None:
    admin = writer_engine(url)
    with admin.begin() as connection:
        connection.exec_driver_sql("drop role if exists align_page")
        connection.exec_driver_sql("create role align_page login")
        connection.exec_driver_sql("grant select on all tables in schema public to align_page")
        connection.exec_driver_sql("grant insert, update on annotation to align_page")
        number = ensure_bot(connection, "b", "5m")
    address = sa.make_url(url).set(username="align_page").render_as_string(hide_password=False)
    opened = datetime(2025, 11, 3, tzinfo=UTC)
    for note in ("first", "second\0"):
        annotate(address, number, opened, is_reviewed=True, note=note, now=opened)
    page = reader_engine(address)
    with snapshot(page) as connection:
        assert schema_state(connection) is SchemaState.CURRENT
        stored = read_annotation(connection, number, opened)
    assert stored is not None
    assert stored.note == "second␀"
    page.dispose()
    guest = writer_engine(address)
    with pytest.raises(StorageError, match="access is refused"):
        insert_run(guest)
    guest.dispose()
    with admin.begin() as connection:
        connection.exec_driver_sql("drop owned by align_page")
        connection.exec_driver_sql("drop role align_page")
    admin.dispose()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("53100", "the server's disk is full"),
        ("42501", "access is refused"),
        ("22003", None),
    ],
)
def test_the_servers_codes_have_their_sentences(state: str, sentence: str | None) -> None:
    class Refused(Exception):
        sqlstate = state

    found = failure_sentence(Refused("insert into t values (1)"))
    assert found is None if sentence is None else sentence in str(found)


def test_worst_pairs_can_be_read_by_the_partial_index(url: str) -> None:
    engine = reader_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("set local enable_seqscan = off")
        connection.exec_driver_sql("set local enable_sort = off")
        plan = connection.exec_driver_sql(
            "explain select * from pair where comparison_id = 1 and is_aligned is false"
            " order by abs_diff desc limit 5"
        ).all()
    engine.dispose()
    assert "ix_pair_worst" in str(plan)
