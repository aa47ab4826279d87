"""The scheduled service: every bot's cycle some seconds after each of its candles closes."""

import logging
import multiprocessing
import os
import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from collector.jobs import align_bot
from collector.now import utc_now
from collector.stop import Stop, Stopped
from core.settings import BotSettings, Settings
from core.times import Timeframe

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2
# A step between transactions (scoring, a re-run) gets this long to come to its end.
_GRACE_S = 5.0
# Cycles at a time. One writes while others read and compute, so more than cores plus the one
# whose pipeline is slow gains nothing; a bot in the queue is served in the same candle.
_WORKERS = 4


class CandleTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires `delay_s` after every candle close of this frame, whenever it fired last.

    APScheduler's own interval counts from the run before, so that a collector started at
    :36:33 would run 93 s after each close for ever.
    """

    def __init__(self, frame: Timeframe, delay_s: int) -> None:
        self._frame = frame
        self._delay = timedelta(seconds=delay_s)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The first such moment after both."""
        after = max(previous or now, now).astimezone(UTC)
        return self._frame.floor(after - self._delay) + self._frame.length + self._delay


class ClockWatch:
    """Whether the wall clock jumped against the clock that only counts."""

    def __init__(self, wall_s: float, steady_s: float) -> None:
        self._offset_s = wall_s - steady_s

    def has_jumped(self, wall_s: float, steady_s: float) -> bool:
        """True once for every jump of more than a second."""
        offset_s = wall_s - steady_s
        jump_s, self._offset_s = offset_s - self._offset_s, offset_s
        return abs(jump_s) > 1


class Service:
    """Cycles on a schedule until a stop is asked for."""

    def __init__(self, engine: sa.Engine, settings: Settings, stop: Stop) -> None:
        self._engine = engine
        self._settings = settings
        self._stop = stop
        self._under_way: set[str] = set()

    def run(self) -> None:
        """Serve until the stop; returns with no transaction open.

        Where a step is deep in a computation and will not end soon, the process ends
        here, with exit code 0: nothing is lost, the next start goes on from the data.
        """
        scheduler = self.scheduler()
        scheduler.start()
        bots = ", ".join(f"{bot.name} ({bot.timeframe})" for bot in self._settings.bots)
        _LOG.info("collecting every candle of %s", bots)
        watch = ClockWatch(time.time(), time.monotonic())
        while not self._stop.is_requested:
            time.sleep(_POLL_S)
            if watch.has_jumped(time.time(), time.monotonic()):
                self.set_by_the_clock(scheduler)
        _LOG.info("stopping after the open transaction")
        scheduler.shutdown(wait=False)
        deadline = time.monotonic() + _GRACE_S
        while self._under_way and (time.monotonic() < deadline or not self._stop.is_idle):
            time.sleep(_POLL_S)
        if self._under_way:
            _leave_now()

    def scheduler(self) -> BackgroundScheduler:
        """One job a bot: at once, then after each candle; late or doubled runs are made once."""
        bots = self._settings.bots
        scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(max_workers=_WORKERS)},
            job_defaults={"coalesce": True, "max_instances": 1},
        )
        for bot in bots:
            scheduler.add_job(
                self._cycle,
                args=[bot],
                trigger=self._trigger(bot),
                id=bot.name,
                next_run_time=utc_now(),
                misfire_grace_time=max(120, bot.frame.length_s),
            )
        return scheduler

    def set_by_the_clock(self, scheduler: BackgroundScheduler) -> None:
        """Every job's next run on the grid from now: an hour back is no hour of silence."""
        for bot in self._settings.bots:
            scheduler.reschedule_job(bot.name, trigger=self._trigger(bot))

    def _trigger(self, bot: BotSettings) -> CandleTrigger:
        return CandleTrigger(bot.frame, self._settings.collector.delay_s)

    def _cycle(self, bot: BotSettings) -> None:
        self._under_way.add(bot.name)
        try:
            align_bot(self._engine, bot)
        except Stopped:
            _LOG.info("%s: stopped between two transactions", bot.name)
        finally:
            self._under_way.discard(bot.name)


def _leave_now() -> None:
    for child in multiprocessing.active_children():
        child.terminate()
    logging.shutdown()
    os._exit(0)
