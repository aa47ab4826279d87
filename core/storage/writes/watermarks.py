"""How far a step has come, where the data itself cannot tell."""

from typing import Any

import sqlalchemy as sa

from core.storage.tables import watermark
from core.storage.upsert import upsert


def write_watermark(connection: sa.Connection, bot_id: int, step: str, value: Any) -> None:
    """Keep what a step needs to go on; in the transaction of the rows that it speaks of."""
    upsert(connection, watermark, [{"bot_id": bot_id, "step": step, "value": value}])


def forget_watermark(connection: sa.Connection, bot_id: int, step: str) -> None:
    connection.execute(
        sa.delete(watermark).where(watermark.c.bot_id == bot_id, watermark.c.step == step)
    )
