"""What the dashboard asks on every drawing: has anything changed, and how fresh is it?"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from core.frames import from_us
from core.storage.tables import bot, feature_row, run, signal_line


@dataclass(frozen=True, slots=True)
class BotState:
    """How far a bot's data goes; None where there is none.

    `last_candle` is the newest logged candle, or the newest emitted signal of a
    bot without a feature log.
    """

    bot_id: int
    name: str
    timeframe: str
    first_candle: datetime | None
    last_candle: datetime | None


def data_version(connection: sa.Connection) -> str:
    """Changes whenever a finished run changed something; idle runs leave it as it is."""
    newest = connection.execute(
        sa.select(run.c.id, run.c.finished_at)
        .where(run.c.finished_at.is_not(None), run.c.is_idle.is_(False))
        .order_by(run.c.id.desc())
        .limit(1)
    ).first()
    return "0" if newest is None else f"{newest.id}@{newest.finished_at:%Y%m%d%H%M%S%f}"


def last_run_at(connection: sa.Connection) -> datetime | None:
    """When the collector last showed a sign of life: the newest run's end, or its start."""
    newest = connection.execute(
        sa.select(run.c.started_at, run.c.finished_at).order_by(run.c.id.desc()).limit(1)
    ).first()
    return None if newest is None else (newest.finished_at or newest.started_at)


def bot_states(connection: sa.Connection) -> tuple[BotState, ...]:
    """Every stored bot with its first and last candle."""
    rows = connection.execute(sa.select(bot).order_by(bot.c.id)).all()
    return tuple(
        BotState(row.id, row.name, row.timeframe, *_span(connection, row.id)) for row in rows
    )


def _span(connection: sa.Connection, bot_id: int) -> tuple[datetime | None, datetime | None]:
    for table in (feature_row, signal_line):
        time = sa.type_coerce(table.c.candle_open, sa.BigInteger)
        of_bot = sa.and_(table.c.bot_id == bot_id, table.c.candle_open.is_not(None))
        first = connection.execute(sa.select(sa.func.min(time)).where(of_bot)).scalar()
        last = connection.execute(sa.select(sa.func.max(time)).where(of_bot)).scalar()
        if first is not None and last is not None:
            return from_us(first), from_us(last)
    return None, None
