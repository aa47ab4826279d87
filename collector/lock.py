"""One collector at a time per database."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from core.errors import StorageError


@contextmanager
def database_lock(url: str) -> Iterator[None]:
    """Hold the lock of this database; raises StorageError at once when another holds it."""
    place = lock_path(url)
    lock = FileLock(place, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StorageError(
            f"another collector is working on this database (lock {place}); stop it first"
        ) from error
    except OSError as error:
        raise StorageError(f"{place}: the lock cannot be taken: {error}") from error
    try:
        yield
    finally:
        lock.release()


def lock_path(url: str) -> Path:
    """Beside a SQLite file; for a server in the temporary folder, by the database's address."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return Path(f"{parsed.database}.lock")
    address = f"{parsed.host}:{parsed.port}/{parsed.database}"
    name = hashlib.sha256(address.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"align-{name}.lock"
