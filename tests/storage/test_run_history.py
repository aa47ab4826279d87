"""Is the collector alive: what is read of its runs, whatever order they began and ended in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.errors import StorageError
from core.storage.run_history import (
    data_version,
    database_size,
    failed_steps,
    last_run_at,
    latest_runs,
    newest_by_step,
)
from core.storage.runs import Outcome, recorded_run
from core.storage.tables import run
from tests.stored_rows import new_database

NOW = datetime(2025, 11, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def bots(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for name in ("b", "c"):
            ensure_bot(connection, name, "5m")


def store(
    connection: sa.Connection,
    step: str = "pair",
    *,
    bot_id: int | None = 1,
    began_s: float = 0,
    ended_s: float | None = 1,
    outcome: Outcome = Outcome.DONE,
    error: str | None = None,
    is_idle: bool = False,
) -> None:
    """A run that began and ended so many seconds after NOW."""
    connection.execute(
        sa.insert(run).values(
            bot_id=bot_id,
            step=step,
            started_at=NOW + timedelta(seconds=began_s),
            finished_at=None if ended_s is None else NOW + timedelta(seconds=ended_s),
            outcome=outcome,
            error=error,
            is_idle=is_idle,
            details={},
        )
    )


def test_nothing_is_known_before_the_first_run(connection: sa.Connection) -> None:
    assert data_version(connection) == "0"
    assert last_run_at(connection) is None
    assert latest_runs(connection) == newest_by_step(connection, 1) == ()
    assert failed_steps(connection, 1, NOW) == ()


def test_the_version_moves_with_finished_runs_that_changed_something(
    connection: sa.Connection,
) -> None:
    store(connection)
    first = data_version(connection)
    store(connection, ended_s=None, outcome=Outcome.RUNNING)
    store(connection, ended_s=5, is_idle=True)
    store(connection, ended_s=None, outcome=Outcome.INTERRUPTED)
    assert data_version(connection) == first
    store(connection, ended_s=5, outcome=Outcome.FAILED)
    assert data_version(connection) != first


def test_the_version_moves_when_a_long_run_ends_after_one_that_began_later(
    connection: sa.Connection,
) -> None:
    store(connection, "diagnose", ended_s=None, outcome=Outcome.RUNNING)
    store(connection, "pair", bot_id=2, began_s=10, ended_s=11)
    before = data_version(connection)
    connection.execute(
        sa.update(run)
        .where(run.c.step == "diagnose")
        .values(outcome=Outcome.DONE, finished_at=NOW + timedelta(minutes=20))
    )
    assert data_version(connection) != before


def test_a_sign_of_life_is_the_newest_runs_end_or_its_beginning(
    connection: sa.Connection,
) -> None:
    store(connection, began_s=0, ended_s=4, is_idle=True)
    assert last_run_at(connection) == NOW + timedelta(seconds=4)
    store(connection, began_s=9, ended_s=None, outcome=Outcome.RUNNING)
    assert last_run_at(connection) == NOW + timedelta(seconds=9)


def test_each_step_shows_its_newest_run_in_the_order_in_which_they_began(
    connection: sa.Connection,
) -> None:
    store(connection, "pair", began_s=1, outcome=Outcome.FAILED)
    store(connection, "replay", began_s=8, ended_s=10.5)
    store(connection, "pair", began_s=5, ended_s=5.4)
    store(connection, "pair", bot_id=2, began_s=7)
    shown = newest_by_step(connection, 1)
    assert [(one.step, one.outcome, one.duration_s) for one in shown] == [
        ("pair", "done", pytest.approx(0.4)), ("replay", "done", 2.5),
    ]  # fmt: skip


def test_failures_are_counted_by_step_the_most_recent_first(connection: sa.Connection) -> None:
    store(connection, "pair", began_s=-1, outcome=Outcome.FAILED, error="too early")
    store(connection, "pair", began_s=0, outcome=Outcome.FAILED, error="first")
    store(connection, "pair", began_s=60, outcome=Outcome.FAILED, error="last")
    store(connection, "replay", began_s=90, outcome=Outcome.FAILED)
    store(connection, "import", began_s=95, outcome=Outcome.INTERRUPTED, error="cut off")
    store(connection, "pair", bot_id=2, began_s=99, outcome=Outcome.FAILED, error="of another bot")
    found = failed_steps(connection, 1, NOW)
    assert [(one.step, one.times, one.last_at, one.error) for one in found] == [
        ("replay", 1, NOW + timedelta(seconds=90), ""),
        ("pair", 2, NOW + timedelta(seconds=60), "last"),
    ]


def test_the_newest_runs_come_first_and_one_under_way_has_no_duration(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "replay", NOW):
        pass
    with recorded_run(engine, None, "migrate", NOW):
        raise StorageError("no room on the disk")
    with engine.begin() as connection:
        values = {"bot_id": 1, "step": "pair", "started_at": NOW, "outcome": Outcome.RUNNING}
        connection.execute(run.insert().values(**values))
        found = latest_runs(connection)
        of_bot = latest_runs(connection, bot_id=1, limit=1)
        failed = latest_runs(connection, outcomes=(Outcome.FAILED,))
    assert [(one.step, one.bot, one.outcome) for one in found] == [
        ("pair", "b", "running"), ("migrate", None, "failed"), ("replay", "b", "done"),
    ]  # fmt: skip
    assert found[0].duration_s is None
    assert (found[2].duration_s or 0) >= 0
    assert [one.step for one in of_bot] == ["pair"]
    assert [one.error for one in failed] == ["no room on the disk"]


@pytest.mark.sqlite("the size of the file itself")
def test_the_size_is_that_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    engine = new_database(folder)
    with engine.connect() as connection:
        size = database_size(connection)
    engine.dispose()  # the last connection moves what is in the log beside the file into it
    assert size == (folder / "align.db").stat().st_size
