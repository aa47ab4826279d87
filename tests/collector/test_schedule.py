"""When cycles run: on the grid of the candles, whatever the clock does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

from collector.schedule import CandleTrigger, ClockWatch, Service
from collector.stop import Stop
from core.settings import BotSettings, Settings
from core.storage.engine import writer_engine
from tests.databases import database_url


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-11-03T{text}+00:00")


@pytest.mark.parametrize(("timeframe", "length_s"), [("5m", 300), ("1h", 3600), ("7m", 420)])
def test_a_cycle_fires_some_seconds_after_each_candle(timeframe: str, length_s: int) -> None:
    trigger = CandleTrigger(BotSettings(name="b", timeframe=timeframe).frame, delay_s=20)
    now = datetime.now(UTC)
    first = trigger.get_next_fire_time(None, now)
    second = trigger.get_next_fire_time(first, first)
    assert (first.timestamp() - 20) % length_s == 0
    assert second - first == timedelta(seconds=length_s)
    assert first - now <= timedelta(seconds=length_s)


@pytest.mark.parametrize("start", ["14:36:33", "14:35:01", "14:35:19.9", "14:35:20", "14:39:59"])
def test_the_second_run_is_on_the_grid_wherever_the_first_was(start: str) -> None:
    """Seen: started at :36:33 it ran 93 s after each close for ever."""
    trigger = CandleTrigger(BotSettings(name="b").frame, delay_s=20)
    second = trigger.get_next_fire_time(moment(start), moment(start))
    assert second in (moment("14:35:20"), moment("14:40:20"))
    assert second > moment(start)
    assert trigger.get_next_fire_time(second, second) == second + timedelta(minutes=5)


def test_a_late_run_is_followed_by_the_next_grid_point_only() -> None:
    trigger = CandleTrigger(BotSettings(name="b").frame, delay_s=20)
    assert trigger.get_next_fire_time(moment("10:00:20"), moment("14:36:33")) == moment("14:40:20")


def test_a_jump_of_the_clock_is_noticed_once_and_drift_is_not() -> None:
    watch = ClockWatch(1_000.0, 10.0)
    assert not watch.has_jumped(1_000.2, 10.2)
    assert not watch.has_jumped(1_001.1, 10.4)  # slewed by 0.7 s
    assert watch.has_jumped(1_001.1 - 3_600, 10.6)
    assert not watch.has_jumped(1_001.3 - 3_600, 10.8)
    assert watch.has_jumped(9_000.0, 11.0)


def test_after_a_jump_back_the_next_run_is_the_next_candle_not_an_hour_later(
    tmp_path: Path,
) -> None:
    bots = (BotSettings(name="a"), BotSettings(name="b", timeframe="1h"))
    engine = writer_engine(database_url(tmp_path / "align.db"))
    service = Service(engine, Settings(bots=bots), Stop())
    scheduler = service.scheduler()
    scheduler.start(paused=True)
    try:
        _pretend_planned(scheduler, datetime.now(UTC) + timedelta(hours=2))
        service.set_by_the_clock(scheduler)
        now = datetime.now(UTC)
        for bot in bots:
            planned = scheduler.get_job(bot.name).next_run_time
            assert now - timedelta(seconds=1) < planned <= now + bot.frame.length
    finally:
        scheduler.shutdown(wait=False)


def _pretend_planned(scheduler: BackgroundScheduler, at: datetime) -> None:
    for job in scheduler.get_jobs():
        scheduler.modify_job(job.id, next_run_time=at)
