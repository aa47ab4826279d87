"""Engines for the one database where collector and dashboard meet."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StorageError
from core.storage.failures import shown_place, speak_in_sentences, without_statement
from core.storage.schema_state import MIGRATIONS, REMEDY, SchemaState, schema_state

_BUSY_TIMEOUT_MS = 10_000
_PAGE_BYTES = 8_192  # of a new database; holds several feature vectors
# Connections that wait in the pool, and further ones while many readers or bots work at once:
# a connection to a file costs next to nothing, a thread that waits for one costs a cycle.
_POOL = {"pool_size": 5, "max_overflow": 60}
_READS = "reads_only"  # the execution option of a connection that takes no write lock


def writer_engine(url: str) -> sa.Engine:
    """An engine for the collector: WAL, and every transaction takes the write lock at its start.

    pysqlite's own transaction handling loses concurrent updates and does not
    roll back DDL, so it is switched off and BEGIN IMMEDIATE is emitted here. Threads of
    this process take turns: SQLite lets those who wait try again at random and gives up
    on the unlucky one, a lock serves everybody. Reads go through `snapshot`.
    """
    return _engine(url, read_only=False)


def reader_engine(url: str) -> sa.Engine:
    """An engine that cannot change rows: for the dashboard and for status, export, diagnose."""
    return _engine(url, read_only=True)


def migrate(engine: sa.Engine) -> None:
    """Bring the schema up to date; safe to run at every start.

    Raises StorageError where it cannot be, and for a schema that is newer than this program.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            if schema_state(connection) is SchemaState.NEWER:
                raise StorageError(f"{shown_place(engine.url)}: {REMEDY[SchemaState.NEWER]}")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise StorageError(
            f"{shown_place(engine.url)}: cannot be brought up to date: {without_statement(error)}"
        ) from error


def is_migrated(engine: sa.Engine) -> bool:
    """Whether the schema is there at all (an empty or missing database is not)."""
    return sa.inspect(engine).has_table("alembic_version")


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent view of the database for several reads; holds up no writer."""
    with engine.execution_options(**{_READS: True}).connect() as connection:
        yield connection


def _engine(url: str, *, read_only: bool) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        engine = sa.create_engine(parsed, hide_parameters=True, **_pool(parsed))
    except (SQLAlchemyError, ImportError) as error:
        shown = url.split("@")[-1]  # never the password
        raise StorageError(f'database_url "{shown}" cannot be used: {error}') from error
    speak_in_sentences(engine)
    if parsed.get_backend_name() == "sqlite":
        _check_place(parsed, read_only=read_only)
        _prepare_sqlite(engine, read_only=read_only)
    elif read_only:
        engine = engine.execution_options(postgresql_readonly=True)
    return engine


def _pool(url: sa.URL) -> dict[str, Any]:
    """Nothing for a database in memory, which lives in its one connection."""
    is_in_memory = url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")
    return {} if is_in_memory else _POOL


def _check_place(url: sa.URL, *, read_only: bool) -> None:
    if url.database in (None, "", ":memory:"):
        return
    place = Path(str(url.database))
    if not place.parent.is_dir():
        raise StorageError(f"{place}: the folder does not exist; create it or change database_url")
    if read_only and not place.exists():
        raise StorageError(f"{place}: no database yet; run the collector first")


def _prepare_sqlite(engine: sa.Engine, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"pragma busy_timeout = {_BUSY_TIMEOUT_MS}")
        if read_only:
            cursor.execute("pragma query_only = on")
        else:
            cursor.execute(f"pragma page_size = {_PAGE_BYTES}")
            cursor.execute("pragma journal_mode = wal")
            cursor.execute("pragma synchronous = normal")
            cursor.execute("pragma foreign_keys = on")
        cursor.close()

    turn = threading.RLock()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if read_only or connection.get_execution_options().get(_READS):
            connection.exec_driver_sql("begin")
            return
        if not connection.info.get("has_turn"):
            turn.acquire()
            connection.info["has_turn"] = True
        connection.exec_driver_sql("begin immediate")

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        # After the commit or rollback has really ended, which no engine event says.
        if record.info.pop("has_turn", False):
            turn.release()
