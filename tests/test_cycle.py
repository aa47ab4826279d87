from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.context import Context
from core.cycle import Step, configured_steps, run_cycle
from core.errors import BundleError
from core.settings import BotSettings
from core.storage.engine import migrate, writer_engine
from core.storage.tables import run
from tests.databases import database_url

NOW = datetime(2025, 11, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Report:
    stored: int
    files: int = 2
    problems: tuple[str, ...] = ()


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = writer_engine(database_url(tmp_path / "align.db"))
    migrate(made)
    return made


def fails(_context: Context) -> None:
    raise BundleError("the bundle is damaged")


def test_steps_follow_the_configuration_in_order() -> None:
    assert [step.name for step in configured_steps(BotSettings(name="b"))] == ["pair"]
    full = BotSettings.model_validate(
        {
            "name": "b",
            "bundles": "bundles/*",
            "feature_log": {"paths": "f"},
            "signal_log": [{"name": "s", "format": "jsonl", "paths": "s"}],
            "candles": [{"name": "c", "paths": "c"}],
            "backtests": [
                {"name": "one", "pipeline": "reference", "lookback_bars": 300},
                {"name": "two", "signals": "s.csv"},
            ],
        }
    )
    assert [step.name for step in configured_steps(full)] == [
        "ingest features",
        "ingest signals",
        "ingest candles",
        "check prices",
        "replay",
        "recompute one",
        "import two",
        "pair",
        "diagnose",
    ]


def test_a_failed_step_does_not_stop_the_next(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    seen = []
    steps = [Step("first", fails), Step("second", lambda context: seen.append(context.run_id))]
    report = run_cycle(engine, BotSettings(name="b"), clock=lambda: NOW, steps=steps)
    assert report.failures == {"first": "the bundle is damaged"}
    assert report.is_failed
    assert len(seen) == 1
    assert "b: first failed: the bundle is damaged" in caplog.text


def test_a_report_becomes_the_runs_details(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    steps = [Step("busy", lambda *_: Report(3, problems=("x is a folder",)))]
    steps.append(Step("idle", lambda *_: Report(0)))
    report = run_cycle(engine, BotSettings(name="b"), clock=lambda: NOW, steps=steps)
    assert report.details["busy"] == {"stored": 3, "files": 2, "problems": ["x is a folder"]}
    assert "b: busy: x is a folder" in caplog.text
    with engine.connect() as connection:
        idle = {row.step: row.is_idle for row in connection.execute(sa.select(run))}
    assert idle == {"busy": False, "idle": True}


def test_a_step_is_given_the_moment_and_the_run_that_are_recorded(engine: sa.Engine) -> None:
    moments = iter([NOW, NOW + timedelta(minutes=5)])
    given: list[Context] = []
    steps = [Step("first", given.append), Step("second", given.append)]
    run_cycle(engine, BotSettings(name="b"), clock=lambda: next(moments), steps=steps)
    with engine.connect() as connection:
        recorded = [(row.id, row.started_at) for row in connection.execute(sa.select(run))]
    assert [(context.run_id, context.now) for context in given] == recorded
