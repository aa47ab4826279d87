import subprocess
import sys
from pathlib import Path

import pytest

from collector.lock import database_lock, lock_path
from core.errors import StorageError

HOLD = """
import sys, time
from collector.lock import database_lock
with database_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_collector_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'align.db'}"
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
    with database_lock(url):  # a killed collector leaves nothing behind that would block
        assert lock_path(url) == tmp_path / "align.db.lock"


def test_two_databases_do_not_block_each_other(tmp_path: Path) -> None:
    with (
        database_lock(f"sqlite:///{tmp_path / 'a.db'}"),
        database_lock(f"sqlite:///{tmp_path / 'b.db'}"),
    ):
        assert (tmp_path / "b.db.lock").exists()


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
