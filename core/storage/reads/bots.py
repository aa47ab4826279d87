"""Which bots and comparisons the database knows."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.storage.tables import bot, comparison


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
    found = connection.scalar(sa.select(bot.c.id).where(bot.c.name == name))
    return None if found is None else int(found)


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
