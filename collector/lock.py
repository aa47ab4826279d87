"""One collector at a time per database."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from core.errors import StorageError
from core.storage.address import database_address
from core.storage.failures import shown_place, speak_in_sentences

# Any number that no other program asks for in the same database ("align" in ASCII).
_ADVISORY_KEY = 0x616C69676E


@contextmanager
def database_lock(url: str) -> Iterator[None]:
    """Hold the lock of this database; raises StorageError at once when another holds it.

    A SQLite file is locked by a file beside it, a server's database by the server itself,
    so that a collector on another machine is refused too.
    """
    parsed = database_address(url)
    hold = _file_lock if parsed.get_backend_name() == "sqlite" else _server_lock
    with hold(parsed):
        yield


def lock_path(url: str | sa.URL) -> Path:
    """Beside the SQLite file itself, however the way to it is spelt."""
    place = Path(str(sa.make_url(url).database or "align")).resolve()
    return place.with_name(f"{place.name}.lock")


@contextmanager
def _file_lock(url: sa.URL) -> Iterator[None]:
    place = lock_path(url)
    lock = FileLock(place, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise _refusal(f"lock {place}") from error
    except OSError as error:
        raise StorageError(f"{place}: the lock cannot be taken: {error}") from error
    try:
        with _inode_lock(Path(str(url.database))):
            yield
    finally:
        lock.release()


@contextmanager
def _inode_lock(place: Path) -> Iterator[None]:
    """The file itself, which a hard link gives a second path.

    An abstract socket of Linux: it needs no place on the disk and ends with its process, and the
    file is not opened, since closing it would end the locks that SQLite holds on it.
    """
    if sys.platform != "linux" or not place.parent.is_dir():
        yield
        return
    place.touch()
    status = place.stat()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        try:
            held.bind(f"\0align/{status.st_dev}/{status.st_ino}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise StorageError(f"{place}: the lock cannot be taken: {error}") from error
            raise _refusal(f"another name of {place}") from error
        yield


# A machine that vanished is noticed within a minute; a session that is idle for days is kept.
_SESSION = {
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    "idle_session_timeout": 0,
}


@contextmanager
def _server_lock(url: sa.URL) -> Iterator[None]:
    """An advisory lock of a session of its own: it ends with the process, wherever that runs."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    speak_in_sentences(engine)
    with engine.connect() as session:
        for name, value in _SESSION.items():
            session.execute(sa.text(f"set {name} = {value}"))
        is_ours = session.scalar(sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_KEY)))
        if not is_ours:
            raise _refusal(shown_place(url))
        yield


def _refusal(place: str) -> StorageError:
    return StorageError(f"another collector is working on this database ({place}); stop it first")
