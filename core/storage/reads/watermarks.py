"""How far a step has come."""

from typing import Any

import sqlalchemy as sa

from core.storage.tables import watermark


def read_watermark(connection: sa.Connection, bot_id: int, step: str) -> Any | None:
    """What the step last kept, None when it never ran."""
    return connection.scalar(
        sa.select(watermark.c.value).where(watermark.c.bot_id == bot_id, watermark.c.step == step)
    )
