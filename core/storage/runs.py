"""One row a step of the cycle: when, with what outcome, and what it did."""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from core.errors import AlignError
from core.foreign_text import cut_short, storable
from core.masking import mask_secrets
from core.storage.failures import without_statement
from core.storage.tables import run

_LOG = logging.getLogger(__name__)
_KEEP_IDLE = timedelta(days=1)
_LONGEST_SENTENCE = 2_000  # characters; may name files and quote an error
_LONGEST_TRACE = 20_000  # its end says what failed


class Outcome(StrEnum):
    """How a run ended; INTERRUPTED: the process ended while it was running."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(slots=True)
class Run:
    """The run under way: its id for results to point to, its details to fill in.

    A run that changed nothing sets `is_idle`: such rows are kept for a day only, so
    that years of a steady collector do not bury the runs that results point to.
    """

    id: int
    details: dict[str, Any] = field(default_factory=dict)
    is_idle: bool = False
    error: str | None = None

    @property
    def is_failed(self) -> bool:
        return self.error is not None


@contextmanager
def recorded_run(engine: sa.Engine, bot_id: int | None, step: str, now: datetime) -> Iterator[Run]:
    """Record a step that starts at `now`; the job boundary: its error is stored with its traceback.

    The error is not raised on: ask `error` afterwards, and say it. An interruption
    (a BaseException) is raised on and leaves the row running.
    """
    with engine.begin() as connection:
        current = Run(id=_insert(connection, bot_id, step, now))
    started = time.perf_counter()
    trace = None
    try:
        yield current
    except Exception as error:
        current.error = cut_short(mask_secrets(_sentence(error)), _LONGEST_SENTENCE)
        trace = storable(mask_secrets(traceback.format_exc())[-_LONGEST_TRACE:])
        _LOG.debug("%s", trace)
    finished = now + timedelta(seconds=time.perf_counter() - started)
    with engine.begin() as connection:
        _finish(connection, current, finished, trace)
        if current.is_idle and not current.is_failed:
            _forget_idle(connection, bot_id, step, before=now - _KEEP_IDLE)


def close_interrupted(connection: sa.Connection) -> int:
    """Mark runs that a killed process left running; only under the database's lock."""
    result = connection.execute(
        sa.update(run)
        .where(run.c.outcome == Outcome.RUNNING)
        .values(outcome=Outcome.INTERRUPTED, error="the collector ended while this was running")
    )
    return result.rowcount


def _insert(connection: sa.Connection, bot_id: int | None, step: str, now: datetime) -> int:
    made = sa.insert(run).values(
        bot_id=bot_id, step=step, started_at=now, outcome=Outcome.RUNNING, details={}
    )
    return int(connection.execute(made.returning(run.c.id)).scalar_one())


def _finish(connection: sa.Connection, current: Run, finished: datetime, trace: str | None) -> None:
    connection.execute(
        sa.update(run)
        .where(run.c.id == current.id)
        .values(
            finished_at=finished,
            outcome=Outcome.FAILED if current.is_failed else Outcome.DONE,
            is_idle=current.is_idle and not current.is_failed,
            error=current.error,
            traceback=trace,
            details=current.details,
        )
    )


def _forget_idle(
    connection: sa.Connection, bot_id: int | None, step: str, *, before: datetime
) -> None:
    connection.execute(
        sa.delete(run).where(
            run.c.bot_id == bot_id, run.c.step == step, run.c.is_idle, run.c.started_at < before
        )
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, sa.exc.SQLAlchemyError):
        return f"{type(error).__name__}: {without_statement(error)}"
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, AlignError) else f"{type(error).__name__}: {text}"
