"""Which bots and comparisons the database knows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.errors import StorageError
from core.storage.tables import bot, comparison, feature_row, signal_line
from core.times import from_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two origins set side by side, as configured when they were last paired."""

    id: int
    name: str
    position: int
    tolerance: float | None  # null: from each pair's printed digits
    spec: dict[str, Any]
    is_configured: bool


def bot_id(connection: sa.Connection, name: str) -> int | None:
    """The id of a bot; None when the collector has not stored anything of it yet."""
    known = connection.scalar(sa.select(bot.c.id).where(bot.c.name == name))
    return None if known is None else int(known)


def comparisons(connection: sa.Connection, of_bot: int) -> tuple[Comparison, ...]:
    """The configured comparisons of a bot in the order of the configuration."""
    rows = connection.execute(
        sa.select(comparison)
        .where(comparison.c.bot_id == of_bot, comparison.c.is_configured)
        .order_by(comparison.c.position)
    )
    return tuple(
        Comparison(
            id=row.id,
            name=row.name,
            position=row.position,
            tolerance=row.tolerance,
            spec=row.spec,
            is_configured=row.is_configured,
        )
        for row in rows
    )


def ensure_bot(connection: sa.Connection, name: str, timeframe: str) -> int:
    """The id of this bot, made when it is new.

    Raises StorageError when the stored candles lie on another timeframe's grid.
    """
    known = connection.execute(
        sa.select(bot.c.id, bot.c.timeframe).where(bot.c.name == name)
    ).first()
    if known is None:
        made = sa.insert(bot).values(name=name, timeframe=timeframe).returning(bot.c.id)
        return int(connection.execute(made).scalar_one())
    if known.timeframe != timeframe:
        raise StorageError(
            f'bot "{name}" is stored with timeframe {known.timeframe}, the configuration says '
            f"{timeframe}; give the bot of another timeframe another name"
        )
    return int(known.id)


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
