"""The collector as a process of its own: signals, locks, restarts."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from collector.__main__ import main
from collector.schedule import Service
from collector.stop import Stop
from core.errors import StorageError
from core.settings import Settings
from core.storage.engine import writer_engine
from tests.collector.bots import write_config, write_log
from tests.databases import SERVER, database_url, fetch

pytestmark = pytest.mark.slow

COLLECTOR = [sys.executable, "-m", "collector", "--config"]


def collector(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COLLECTOR, str(config), *arguments], capture_output=True, text=True, timeout=120
    )


@contextmanager
def started(config: Path, verb: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COLLECTOR, str(config), verb], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def count(database: Path, table: str) -> int:
    try:
        return int(fetch(database, f"select count(*) from {table}")[0][0])
    except (StorageError, sa.exc.DBAPIError):  # no database, or no schema yet
        return 0


def status(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["--config", str(config), "status", "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out)["bots"][0])


@pytest.fixture(scope="module")
def long_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 days in six files: more than a collector reads before a signal reaches it."""
    folder = tmp_path_factory.mktemp("long")
    for part in range(6):
        first = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=20 * part)
        write_log(folder / f"features_{part}.csv", 5760, first=first, seed=part)
    return folder


def test_the_service_collects_serves_readers_and_stops_cleanly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path / "a" / "features_1.csv", 50)
    config = write_config(tmp_path, "a")
    database = tmp_path / "align.db"
    with started(config, "run") as service:
        wait_for(lambda: count(database, "feature_row") == 50)
        assert status(config, capsys)["collection"]["logged"] == 50
        second = collector(config, "once")
        assert second.returncode == 1
        assert "another collector is working on this database" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
        assert second.stdout == ""
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=60) == 0
    assert main(["--config", str(config), "once"]) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_during_a_long_ingest_finishes_the_transaction(
    tmp_path: Path,
    long_logs: Path,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    shutil.copytree(long_logs, tmp_path / "a")
    config = write_config(tmp_path, "a")
    database = tmp_path / "align.db"
    with started(config, "once") as process:
        wait_for(lambda: count(database, "log_file") > 0)
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    if SERVER is None:
        assert fetch(database, "pragma integrity_check") == [("ok",)]
    assert fetch(database, "select count(*) from feature_row") == fetch(
        database, "select sum(stored) from log_file"
    )
    assert main(["--config", str(config), "once"]) == 0
    assert status(config, capsys)["ingestion"]["stored"] == 6 * 5760


def test_a_killed_collector_leaves_its_run_marked_as_interrupted(
    tmp_path: Path, long_logs: Path
) -> None:
    shutil.copytree(long_logs, tmp_path / "a")
    config = write_config(tmp_path, "a")
    database = tmp_path / "align.db"
    with started(config, "once") as process:
        wait_for(lambda: count(database, "run") > 0)
        process.kill()
        process.wait()
    assert main(["--config", str(config), "once"]) == 0
    outcomes = fetch(database, "select distinct outcome from run order by outcome")
    assert outcomes == [("done",), ("interrupted",)]


def test_every_bot_has_its_job_on_its_own_grid(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"bots": [{"name": "five"}, {"name": "hour", "timeframe": "1h"}]}
    )
    engine = writer_engine(database_url(tmp_path / "align.db"))
    scheduler = Service(engine, settings, Stop()).scheduler()
    scheduler.start(paused=True)
    try:
        jobs = {job.id: job for job in scheduler.get_jobs()}
    finally:
        scheduler.shutdown()
    assert set(jobs) == {"five", "hour"}
    for job in jobs.values():
        assert (job.coalesce, job.max_instances) == (True, 1)
        assert job.next_run_time <= datetime.now(UTC)


ENDLESS = """
import sys, time
import collector.schedule as schedule
from collector.__main__ import main

def endless(engine, bot):
    print("computing", flush=True)
    time.sleep(600)

schedule.align_bot = endless
sys.exit(main(["--config", sys.argv[1], "run"]))
"""


def test_a_stop_does_not_wait_for_a_long_computation(tmp_path: Path) -> None:
    config = write_config(tmp_path, "a")
    service = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert service.stdout is not None
        assert service.stdout.readline() == "computing\n"
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=60) == 0
    finally:
        service.kill()
        service.communicate()
