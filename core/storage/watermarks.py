"""How far a step has come, where the data itself cannot tell."""

from typing import Any

import sqlalchemy as sa

from core.storage.sql import upsert
from core.storage.tables import watermark


def write_watermark(connection: sa.Connection, bot_id: int, step: str, value: Any) -> None:
    """Keep what a step needs to go on; in the transaction of the rows that it speaks of."""
    upsert(connection, watermark, [{"bot_id": bot_id, "step": step, "value": value}])


def forget_watermark(connection: sa.Connection, bot_id: int, step: str) -> None:
    connection.execute(
        sa.delete(watermark).where(watermark.c.bot_id == bot_id, watermark.c.step == step)
    )


def read_watermark(connection: sa.Connection, bot_id: int, step: str) -> Any | None:
    """What the step last kept, None when it never ran."""
    return connection.scalar(
        sa.select(watermark.c.value).where(watermark.c.bot_id == bot_id, watermark.c.step == step)
    )
