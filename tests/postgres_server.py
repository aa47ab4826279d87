"""A private PostgreSQL server for the length of one command.

    python -m tests.postgres_server python -m pytest tests/storage

The server listens on a socket in a temporary folder only, keeps nothing, and is stopped with
the command. PostgreSQL refuses root, so root lets the user `postgres` run it.
"""

import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "ALIGN_TEST_DATABASE_URL"
# Nothing has to survive a crash, and text sorts as a language's dictionary does, which the
# program must not depend on.
_INIT = ("--auth=trust", "--username=align", "--no-sync", "--encoding=UTF8", "--locale=C")
_SORTING = ("--locale-provider=icu", "--icu-locale=en-US")
_SETTINGS = (
    *("-c", "listen_addresses="),
    *("-c", "max_connections=300"),
    *("-c", "fsync=off"),
    *("-c", "synchronous_commit=off"),
    *("-c", "full_page_writes=off"),
    *("-c", "autovacuum=off"),  # it would hold databases that a test drops
)


@contextmanager
def private_server() -> Iterator[str]:
    """Start a server; yields the address of its database `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="align-pg-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    _run(user, "initdb", "-D", str(folder / "data"), *_INIT, *_SORTING)
    options = " ".join(f"'{setting}'" for setting in (*_SETTINGS, "-k", str(folder)))
    control = ("pg_ctl", "-D", str(folder / "data"), "-w")
    _run(user, *control, "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://align@/postgres?host={folder}"
    finally:
        _run(user, *control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _run(user: str | None, program: str, *arguments: str) -> None:
    subprocess.run(
        [_program(program), *arguments], user=user, cwd="/", check=True, stdout=subprocess.DEVNULL
    )


def is_installed() -> bool:
    """Whether a private server can be started here."""
    return _find("initdb") is not None


def _find(name: str) -> str | None:
    """The newest installed; Debian keeps them away from the path."""
    installed = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return installed[-1] if installed else shutil.which(name)


def _program(name: str) -> str:
    found = _find(name)
    if found is None:
        sys.exit(f"no {name} here: install PostgreSQL 15 or newer (apt install postgresql)")
    return found


def main(command: Sequence[str]) -> int:
    with private_server() as url:
        return subprocess.run(command, env={**os.environ, VARIABLE: url}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
