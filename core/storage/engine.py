"""Engines for the one database where collector and dashboard meet."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StorageError
from core.foreign_text import every_text, without_surrogates
from core.storage.address import database_address
from core.storage.failures import (
    read_document,
    shown_place,
    speak_in_sentences,
    without_statement,
)
from core.storage.schema_state import MIGRATIONS, REMEDY, SchemaState, schema_state

_BUSY_TIMEOUT_MS = 10_000
_PAGE_BYTES = 8_192  # of a new database; holds several feature vectors
# Connections that wait in the pool, and further ones while many readers or bots work at once:
# a connection to a file costs next to nothing, a thread that waits for one costs a cycle.
_POOL = {"pool_size": 5, "max_overflow": 60}
_READS = "reads_only"  # the execution option of a connection that takes no write lock
# A server's transaction sees what is committed meanwhile, and may write, unless told otherwise.
_SERVER_READS = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# Taken at the start of every writing transaction, as SQLite's own write lock is ("write").
_WRITE_KEY = 0x7772697465
_TAKE_WRITE_LOCK = (
    f"set local lock_timeout = {_BUSY_TIMEOUT_MS}; select pg_advisory_xact_lock({_WRITE_KEY})"
)


def writer_engine(url: str) -> sa.Engine:
    """An engine for the collector: every transaction takes the write lock at its start.

    So nothing that it reads changes before it writes. Threads of this process take turns:
    SQLite lets those who wait try again at random and gives up on the unlucky one, a lock
    serves everybody. Reads go through `snapshot`.

    SQLite runs with WAL; pysqlite's own transaction handling loses concurrent updates and does
    not roll back DDL, so it is switched off and BEGIN IMMEDIATE is emitted here.
    """
    return _engine(url, read_only=False)


def reader_engine(url: str) -> sa.Engine:
    """An engine that cannot change rows: for the dashboard and for status, export, diagnose."""
    return _engine(url, read_only=True)


def migrate(engine: sa.Engine) -> None:
    """Bring the schema up to date; safe to run at every start.

    Raises StorageError where it cannot be, and for a schema that is newer than this program.
    """
    try:
        with engine.begin() as connection:
            state = schema_state(connection)
            if state is SchemaState.NEWER:
                raise StorageError(f"{shown_place(engine.url)}: {REMEDY[SchemaState.NEWER]}")
            if state is not SchemaState.CURRENT:
                _upgrade(connection)
    except SQLAlchemyError as error:
        raise StorageError(
            f"{shown_place(engine.url)}: cannot be brought up to date: {without_statement(error)}"
        ) from error


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent view of the database for several reads; holds up no writer."""
    options = {_READS: True} | ({} if _is_sqlite(engine.url) else _SERVER_READS)
    with engine.execution_options(**options).connect() as connection:
        yield connection


def _engine(url: str, *, read_only: bool) -> sa.Engine:
    parsed = database_address(url)
    engine = sa.create_engine(
        parsed,
        hide_parameters=True,
        json_serializer=_json,
        json_deserializer=partial(read_document, shown_place(parsed)),
        **_pool(parsed),
    )
    speak_in_sentences(engine)
    if not read_only:
        _take_turns(engine)
    if _is_sqlite(parsed):
        _check_place(parsed, read_only=read_only)
        _prepare_sqlite(engine, read_only=read_only)
    elif read_only:
        engine = engine.execution_options(**_SERVER_READS)
    else:
        _prepare_server(engine)
    return engine


def _json(document: Any) -> str:
    """A document as it is stored, without lone surrogates; JSON writes a NUL as an escape."""
    text = json.dumps(document)
    if "\\ud" in text:  # half a character, or a whole one
        return json.dumps(every_text(document, without_surrogates))
    return text


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _pool(url: sa.URL) -> dict[str, Any]:
    """A server is asked whether a connection still stands: it may have been restarted."""
    return _POOL if _is_sqlite(url) else {**_POOL, "pool_pre_ping": True}


def _check_place(url: sa.URL, *, read_only: bool) -> None:
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

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(
            "begin" if read_only or _only_reads(connection) else "begin immediate"
        )


def _prepare_server(engine: sa.Engine) -> None:
    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if not _only_reads(connection):
            connection.exec_driver_sql(_TAKE_WRITE_LOCK)


def _only_reads(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get(_READS))


def _take_turns(engine: sa.Engine) -> None:
    """Before the database's own lock, whose listener is added later."""
    turn = threading.RLock()

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        if not _only_reads(connection) and not connection.info.get("has_turn"):
            turn.acquire()
            connection.info["has_turn"] = True

    @event.listens_for(engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        # After the commit or rollback has really ended, which no engine event says.
        if record.info.pop("has_turn", False):
            turn.release()
