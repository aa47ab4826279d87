from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.errors import BundleError, StorageError
from core.storage.engine import migrate, writer_engine
from core.storage.run_history import latest_runs
from core.storage.runs import close_interrupted, recorded_run
from core.storage.tables import run

NOW = datetime(2025, 11, 3, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = writer_engine(f"sqlite:///{tmp_path / 'align.db'}")
    migrate(made)
    with made.begin() as connection:
        ensure_bot(connection, "b", "5m")
    return made


def rows(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(run).order_by(run.c.id)))


def test_a_step_is_recorded_with_its_details(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "pair", NOW) as current:
        current.details["days"] = 3
    (row,) = rows(engine)
    assert (row.bot_id, row.step, row.outcome, row.details) == (1, "pair", "done", {"days": 3})
    assert row.started_at == NOW
    assert NOW <= row.finished_at < NOW + timedelta(seconds=60)
    assert row.error is None


def test_an_error_is_stored_with_its_traceback_and_not_raised(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "replay", NOW) as current:
        raise BundleError("bundles/live: model.json was changed")
    assert current.error == "bundles/live: model.json was changed"
    (row,) = rows(engine)
    assert (row.outcome, row.error) == ("failed", "bundles/live: model.json was changed")
    assert "Traceback" in row.traceback
    assert "BundleError" in row.traceback


def test_an_unexpected_error_says_what_it_is(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "pair", NOW) as current:
        raise KeyError("x")
    assert current.error == "KeyError: 'x'"


def test_an_interruption_is_raised_on_and_closed_at_the_next_start(engine: sa.Engine) -> None:
    with pytest.raises(KeyboardInterrupt), recorded_run(engine, 1, "pair", NOW):
        raise KeyboardInterrupt
    assert rows(engine)[0].outcome == "running"
    with engine.begin() as connection:
        assert close_interrupted(connection) == 1
        assert close_interrupted(connection) == 0
    (row,) = rows(engine)
    assert row.outcome == "interrupted"
    assert row.error


def test_idle_runs_are_kept_for_a_day(engine: sa.Engine) -> None:
    for hours, is_idle in ((0, True), (1, False), (2, True), (30, True)):
        with recorded_run(engine, 1, "pair", NOW + timedelta(hours=hours)) as current:
            current.is_idle = is_idle
    kept = [(row.started_at - NOW) // timedelta(hours=1) for row in rows(engine)]
    assert kept == [1, 30]


def test_a_failed_run_is_never_idle(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "pair", NOW) as current:
        current.is_idle = True
        raise BundleError("x")
    assert rows(engine)[0].is_idle is False


def test_a_bot_is_made_once_and_keeps_its_timeframe(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        assert ensure_bot(connection, "b", "5m") == 1
        assert ensure_bot(connection, "c", "1h") == 2
        with pytest.raises(StorageError, match="stored with timeframe 5m"):
            ensure_bot(connection, "b", "1h")


def test_the_newest_runs_come_first_and_one_under_way_has_no_duration(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "replay", NOW):
        pass
    with recorded_run(engine, None, "migrate", NOW):
        raise StorageError("no room on the disk")
    with engine.begin() as connection:
        values = {"bot_id": 1, "step": "pair", "started_at": NOW, "outcome": "running"}
        connection.execute(run.insert().values(**values))
        found = latest_runs(connection)
        of_bot = latest_runs(connection, bot_id=1, limit=1)
        failed = latest_runs(connection, outcomes=("failed",))
    assert [(one.step, one.bot, one.outcome) for one in found] == [
        ("pair", "b", "running"), ("migrate", None, "failed"), ("replay", "b", "done"),
    ]  # fmt: skip
    assert found[0].duration_s is None
    assert (found[2].duration_s or 0) >= 0
    assert [one.step for one in of_bot] == ["pair"]
    assert [one.error for one in failed] == ["no room on the disk"]
