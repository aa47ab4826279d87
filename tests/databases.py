"""The databases of the tests: SQLite files, or databases of one PostgreSQL server.

`ALIGN_TEST_DATABASE_URL` names the server (`make test-postgres` starts one). A test asks for
the database of a path in its own folder, and gets the file there or a new database of the
server, which is dropped after the test (tests/conftest.py).
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.storage.engine import migrate, reader_engine, writer_engine
from tests.postgres_server import VARIABLE

SERVER = os.environ.get(VARIABLE)
_made: set[str] = set()  # databases of the server
_connections: list[Any] = []  # to the server, those of engines that a test leaves behind too


def _note(connection: Any, _record: Any) -> None:
    _connections.append(connection)


if SERVER is not None:
    sa.event.listen(sa.Pool, "connect", _note)


def database_url(place: Path, *, template: str = "template0") -> str:
    """The database of this path, made where it is missing: the same path, the same database."""
    if SERVER is None:
        return f"sqlite:///{place}"
    name = _name(place)
    if name not in _made:
        _drop(name)
        _command(f"create database {name} template {template}")
        _made.add(name)
    return sa.make_url(SERVER).set(database=name).render_as_string(hide_password=False)


def migrated_url(place: Path) -> str:
    """The same with the current schema, copied from a database made once a process."""
    if SERVER is not None:
        return database_url(place, template=_name(_migrated()))
    if not place.exists():
        shutil.copy(_migrated(), place)
    return database_url(place)


def copy_database(source: Path, target: Path) -> None:
    """A second database of the same content; nobody may be connected to the first."""
    if SERVER is None:
        shutil.copy(source, target)
    else:
        database_url(target, template=_name(source))


def fetch(place: Path, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """What a query finds on a connection of its own."""
    engine = reader_engine(database_url(place))
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]
    finally:
        engine.dispose()


@contextmanager
def dropped_afterwards() -> Iterator[None]:
    """Close connections to the server that are made inside, and drop the databases."""
    before, connected = set(_made), len(_connections)
    try:
        yield
    finally:
        while len(_connections) > connected:
            _connections.pop().close()
        for name in _made - before:
            _drop(name)
        _made.intersection_update(before)


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="align-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    place = folder / "empty.db"
    engine = writer_engine(database_url(place))
    migrate(engine)
    engine.dispose()
    if SERVER is not None:
        _made.remove(_name(place))  # it outlives the test
        atexit.register(_drop, _name(place))
    return place


def _name(place: Path) -> str:
    return f"align_{hashlib.sha256(str(place.absolute()).encode()).hexdigest()[:24]}"


def _drop(name: str) -> None:
    _command(f"drop database if exists {name} with (force)")


def _command(statement: str) -> None:
    engine = sa.create_engine(str(SERVER), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
