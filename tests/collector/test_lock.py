import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from collector.lock import database_lock, lock_path
from core.errors import StorageError
from tests.databases import database_url

HOLD = """
import sys, time
from collector.lock import database_lock
with database_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_collector_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    url = database_url(tmp_path / "align.db")
    first = subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    try:
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(StorageError, match="another collector is working on this database"),
            database_lock(url),
        ):
            pytest.fail("two hold the lock")
    finally:
        first.kill()
        first.communicate()
    deadline = time.monotonic() + 10  # a server has to notice first that a process is gone
    while True:
        try:
            with database_lock(url):  # a killed collector leaves nothing behind that would block
                return
        except StorageError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_two_databases_do_not_block_each_other(tmp_path: Path) -> None:
    with (
        database_lock(database_url(tmp_path / "a.db")),
        database_lock(database_url(tmp_path / "b.db")),
    ):
        pass


@pytest.mark.sqlite("its lock is a file beside the database")
def test_the_lock_is_a_file_beside_the_database(tmp_path: Path) -> None:
    url = database_url(tmp_path / "align.db")
    with database_lock(url):
        assert lock_path(url) == tmp_path / "align.db.lock"
        assert lock_path(url).exists()


@pytest.mark.postgres("a lock of the server")
def test_the_lock_of_a_server_says_who_it_is_without_the_password(tmp_path: Path) -> None:
    url = sa.make_url(database_url(tmp_path / "align.db")).set(password="geheim")
    address = url.render_as_string(hide_password=False)
    with (
        database_lock(address),
        pytest.raises(StorageError, match="another collector is working") as caught,
        database_lock(address),
    ):
        pytest.fail("two hold the lock")
    assert "geheim" not in str(caught.value)


@pytest.mark.sqlite("a file has names")
def test_a_hard_link_leads_to_the_same_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'align.db'}"
    with database_lock(url):
        (tmp_path / "hard.db").hardlink_to(tmp_path / "align.db")
        with (
            pytest.raises(StorageError, match=r"another name of .*hard\.db"),
            database_lock(f"sqlite:///{tmp_path / 'hard.db'}"),
        ):
            pytest.fail("two hold the lock")
    with database_lock(f"sqlite:///{tmp_path / 'hard.db'}"):  # free again
        pass


@pytest.mark.sqlite("paths of a file")
def test_a_symbolic_link_leads_to_the_same_lock(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "align.db").touch()
    (tmp_path / "other.db").symlink_to(tmp_path / "real" / "align.db")
    for spelling in ("way/align.db", "other.db", "way/../real/align.db"):
        with (
            database_lock(f"sqlite:///{tmp_path / 'real' / 'align.db'}"),
            pytest.raises(StorageError, match="another collector"),
            database_lock(f"sqlite:///{tmp_path}/{spelling}"),
        ):
            pytest.fail(f"two hold the lock by {spelling}")
