"""What happened since a moment: failed runs, revised candles, lines put in quarantine."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from core.storage.tables import candle_revision, candle_source, run


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


def revised_candles(connection: sa.Connection, bot_id: int, since: datetime) -> int:
    """How many candles changed after they were first stored, as seen since then."""
    query = (
        sa.select(sa.func.count())
        .select_from(candle_revision)
        .join(candle_source, candle_source.c.id == candle_revision.c.source_id)
        .where(candle_source.c.bot_id == bot_id, candle_revision.c.seen_at >= since)
    )
    return int(connection.execute(query).scalar_one())
