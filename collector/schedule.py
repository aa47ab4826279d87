"""The scheduled service: every bot's cycle some seconds after each of its candles closes."""

import logging
import multiprocessing
import os
import time
from datetime import timedelta

import sqlalchemy as sa
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from collector.jobs import align_bot, utc_now
from collector.stop import Stop, Stopped
from core.settings import BotSettings, Settings

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2
# A step between transactions (scoring, a re-run) gets this long to come to its end.
_GRACE_S = 5.0


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
        while not self._stop.is_requested:
            time.sleep(_POLL_S)
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
            executors={"default": ThreadPoolExecutor(max_workers=max(1, len(bots)))},
            job_defaults={"coalesce": True, "max_instances": 1},
        )
        for bot in bots:
            scheduler.add_job(
                self._cycle,
                args=[bot],
                trigger=candle_trigger(bot, self._settings.collector.delay_s),
                id=bot.name,
                next_run_time=utc_now(),
                misfire_grace_time=max(120, bot.frame.length_s),
            )
        return scheduler

    def _cycle(self, bot: BotSettings) -> None:
        self._under_way.add(bot.name)
        try:
            align_bot(self._engine, bot)
        except Stopped:
            _LOG.info("%s: stopped between two transactions", bot.name)
        finally:
            self._under_way.discard(bot.name)


def candle_trigger(bot: BotSettings, delay_s: int) -> IntervalTrigger:
    """Fires `delay_s` after every candle close of this bot's timeframe."""
    frame = bot.frame
    start = frame.floor(utc_now()) + timedelta(seconds=delay_s)
    return IntervalTrigger(seconds=frame.length_s, start_date=start, timezone="UTC")


def _leave_now() -> None:
    for child in multiprocessing.active_children():
        child.terminate()
    logging.shutdown()
    os._exit(0)
