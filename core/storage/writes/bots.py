"""The bots and their configured comparisons."""

import sqlalchemy as sa

from core.errors import StorageError
from core.storage.tables import bot


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
