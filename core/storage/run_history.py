"""Is the collector alive, answered from data: runs, errors, sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.storage.runs import Outcome
from core.storage.tables import bot, run

_FIELDS = (
    "id", "step", "started_at", "finished_at", "outcome", "error", "traceback", "details",
)  # fmt: skip
# Runs that begin and end while another one is under way; ordering all runs of years by
# their end would read every row on each drawing of a page.
_SIDE_BY_SIDE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One execution of one step. `duration_s` is None while it runs."""

    id: int
    bot: str | None
    step: str
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome
    error: str | None
    traceback: str | None
    details: dict[str, Any]

    @property
    def duration_s(self) -> float | None:
        if self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


def latest_runs(
    connection: sa.Connection,
    *,
    bot_id: int | None = None,
    outcomes: tuple[Outcome, ...] = (),
    limit: int = 60,
) -> tuple[StoredRun, ...]:
    """The newest runs, idle ones too; of one bot or of all, of these outcomes or of any."""
    query = (
        sa.select(*(run.c[name] for name in _FIELDS), bot.c.name.label("bot"))
        .outerjoin(bot, bot.c.id == run.c.bot_id)
        .order_by(run.c.id.desc())
        .limit(limit)
    )
    if bot_id is not None:
        query = query.where(run.c.bot_id == bot_id)
    if outcomes:
        query = query.where(run.c.outcome.in_([*map(str, outcomes)]))
    return tuple(_stored(dict(row)) for row in connection.execute(query).mappings())


def newest_by_step(connection: sa.Connection, bot_id: int) -> tuple[StoredRun, ...]:
    """The newest run of every step of a bot, in the order in which the steps last began."""
    newest = sa.select(sa.func.max(run.c.id)).where(run.c.bot_id == bot_id).group_by(run.c.step)
    query = (
        sa.select(*(run.c[name] for name in _FIELDS))
        .where(run.c.id.in_(newest))
        .order_by(run.c.started_at, run.c.id)
    )
    return tuple(_stored({"bot": None, **row}) for row in connection.execute(query).mappings())


def _stored(row: Mapping[str, Any]) -> StoredRun:
    return StoredRun(**{**row, "outcome": Outcome(row["outcome"])})


def database_size(connection: sa.Connection) -> int | None:
    """Bytes that the database takes; None where it does not say."""
    if connection.dialect.name == "sqlite":
        pages = connection.exec_driver_sql("pragma page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("pragma page_size").scalar_one())
    if connection.dialect.name == "postgresql":
        size = sa.select(sa.func.pg_database_size(sa.func.current_database()))
        return int(connection.execute(size).scalar_one())
    return None


def data_version(connection: sa.Connection) -> str:
    """Changes whenever a finished run changed something; idle runs leave it as it is.

    Bots run side by side, so that the run that ended last may have begun before others.
    """
    latest = (
        sa.select(run.c.id, run.c.finished_at)
        .where(run.c.finished_at.is_not(None), run.c.is_idle.is_(False))
        .order_by(run.c.id.desc())
        .limit(_SIDE_BY_SIDE)
        .subquery()
    )
    newest = connection.execute(
        sa.select(latest).order_by(latest.c.finished_at.desc(), latest.c.id.desc()).limit(1)
    ).first()
    return "0" if newest is None else f"{newest.id}@{newest.finished_at:%Y%m%d%H%M%S%f}"


def last_run_at(connection: sa.Connection) -> datetime | None:
    """When the collector last showed a sign of life: the newest run's end, or its start."""
    newest = connection.execute(
        sa.select(run.c.started_at, run.c.finished_at).order_by(run.c.id.desc()).limit(1)
    ).first()
    return None if newest is None else (newest.finished_at or newest.started_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStep:
    """A step of the cycle that failed: how often, when last, with which error."""

    step: str
    times: int
    last_at: datetime
    error: str


def failed_steps(connection: sa.Connection, bot_id: int, since: datetime) -> tuple[FailedStep, ...]:
    """Steps that failed since then, the most recent first."""
    rows = connection.execute(
        sa.select(
            run.c.step,
            sa.func.count().label("times"),
            sa.func.max(run.c.started_at, type_=run.c.started_at.type).label("last_at"),
            sa.func.max(run.c.id).label("newest"),
        )
        .where(run.c.bot_id == bot_id, run.c.outcome == "failed", run.c.started_at >= since)
        .group_by(run.c.step)
        .order_by(sa.desc("last_at"))
    ).all()
    errors = dict(
        connection.execute(
            sa.select(run.c.id, run.c.error).where(run.c.id.in_([row.newest for row in rows]))
        ).all()
    )
    return tuple(
        FailedStep(
            step=row.step, times=row.times, last_at=row.last_at, error=errors[row.newest] or ""
        )
        for row in rows
    )
