"""What readers note beside a candle; never cached, and the dashboard's only writes."""

from datetime import datetime

from core.alignment import annotations
from dashboard import clock
from dashboard.data import database

MAX_NOTE = annotations.MAX_NOTE


def annotation_version() -> int:
    """Changes with every note that a reader writes; asked anew on every drawing."""
    with database.engine().connect() as connection:
        return annotations.annotation_version(connection)


def annotation(bot_id: int, candle_open: datetime) -> annotations.Annotation | None:
    """What is noted about a candle; never cached."""
    with database.engine().connect() as connection:
        return annotations.read_annotation(connection, bot_id, candle_open)


def annotate(bot_id: int, candle_open: datetime, *, is_reviewed: bool, note: str) -> None:
    """Store what the reader noted."""
    annotations.annotate(
        database.settings().database_url,
        bot_id,
        candle_open,
        is_reviewed=is_reviewed,
        note=note,
        now=clock.now(),
    )
