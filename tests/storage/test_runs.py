import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.errors import BundleError, StorageError
from core.storage.runs import close_interrupted, recorded_run
from core.storage.tables import run

NOW = datetime(2025, 11, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def bot(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return ensure_bot(connection, "b", "5m")


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


def test_an_error_that_is_no_sentence_is_cut_and_made_storable(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "pair", NOW) as current:
        raise ValueError("\ud800\0" + "x" * 100_000)
    (row,) = rows(engine)
    assert row.error == current.error
    assert row.error.startswith("ValueError: \\ud800␀xxx")
    assert row.error.endswith("x…")
    assert (len(row.error) < 3_000, len(row.traceback) <= 20_000) == (True, True)


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


DIE = """
import os, sys
from datetime import UTC, datetime
from core.storage.engine import writer_engine
from core.storage.runs import recorded_run
engine = writer_engine(sys.argv[1])
with recorded_run(engine, 1, "diagnose", datetime(2025, 11, 3, tzinfo=UTC)) as run:
    run.details["rows"] = 5
    os._exit(9)
"""


def test_a_run_whose_process_was_killed_is_told_from_one_under_way(engine: sa.Engine) -> None:
    with recorded_run(engine, 1, "pair", NOW):
        pass
    died = subprocess.run([sys.executable, "-c", DIE, str(engine.url)], check=False)
    assert died.returncode == 9
    assert [row.outcome for row in rows(engine)] == ["done", "running"]
    with engine.begin() as connection:
        assert close_interrupted(connection) == 1
    fine, cut = rows(engine)
    assert (fine.outcome, fine.error) == ("done", None)
    assert (cut.outcome, cut.finished_at, cut.details) == ("interrupted", None, {})
    assert cut.error == "the collector ended while this was running"


def test_a_run_under_way_is_stored_before_its_work_begins(engine: sa.Engine) -> None:
    with recorded_run(engine, None, "migrate", NOW) as current:
        (row,) = rows(engine)
        assert (row.id, row.bot_id, row.outcome) == (current.id, None, "running")


def test_a_failed_run_keeps_the_details_so_far_and_the_next_one_is_recorded(
    engine: sa.Engine,
) -> None:
    with recorded_run(engine, 1, "replay", NOW) as failed:
        failed.details["rows"] = 7
        raise ValueError
    assert (failed.error, failed.is_failed) == ("ValueError: ValueError", True)
    with recorded_run(engine, 1, "replay", NOW) as fine:
        pass
    assert (fine.error, fine.is_failed) == (None, False)
    assert [(row.outcome, row.details) for row in rows(engine)] == [
        ("failed", {"rows": 7}), ("done", {}),
    ]  # fmt: skip


def test_idle_runs_of_other_steps_and_bots_are_not_forgotten(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        ensure_bot(connection, "c", "5m")
    for bot_id, step in ((1, "pair"), (1, "replay"), (2, "pair"), (None, "pair")):
        with recorded_run(engine, bot_id, step, NOW) as current:
            current.is_idle = True
    with recorded_run(engine, 1, "pair", NOW + timedelta(hours=25)) as current:
        current.is_idle = True
    kept = [(row.bot_id, row.step, row.started_at) for row in rows(engine)]
    assert kept == [
        (1, "replay", NOW), (2, "pair", NOW), (None, "pair", NOW),
        (1, "pair", NOW + timedelta(hours=25)),
    ]  # fmt: skip


def test_an_idle_run_is_kept_for_the_whole_day(engine: sa.Engine) -> None:
    for later in (timedelta(0), timedelta(days=1)):
        with recorded_run(engine, 1, "pair", NOW + later) as current:
            current.is_idle = True
    assert len(rows(engine)) == 2
