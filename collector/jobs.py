"""What the command line and the schedule run: whole cycles."""

import logging
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from collector.now import utc_now
from core.context import Progress
from core.cycle import run_cycle
from core.errors import StorageError
from core.settings import BotSettings, Settings
from core.storage.engine import migrate, writer_engine
from core.storage.runs import close_interrupted

_LOG = logging.getLogger(__name__)


def open_database(url: str) -> sa.Engine:
    """The writing engine on an up-to-date schema; under the database's lock only.

    Raises StorageError for a database that a newer version of this program has made.
    """
    engine = writer_engine(url)
    migrate(engine)
    with engine.begin() as connection:
        interrupted = close_interrupted(connection)
    if interrupted:
        _LOG.warning("%d steps were cut off when the collector last ended", interrupted)
    return engine


def align_bot(
    engine: sa.Engine,
    bot: BotSettings,
    *,
    clock: Callable[[], datetime] = utc_now,
    progress: Progress | None = None,
) -> bool:
    """One cycle of one bot; returns whether every step succeeded."""
    try:
        report = run_cycle(engine, bot, clock=clock, progress=progress)
    except StorageError as error:
        _LOG.error("%s: %s", bot.name, error)
        return False
    return not report.is_failed


def align_all(engine: sa.Engine, settings: Settings, *, progress: Progress | None = None) -> bool:
    """One cycle of every bot; a failed one does not stop the rest."""
    outcomes = [align_bot(engine, bot, progress=progress) for bot in settings.bots]
    return all(outcomes)
