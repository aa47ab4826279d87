"""What a reader notes beside a candle: the dashboard's only writes."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from core.errors import StorageError
from core.storage.engine import writer_engine
from core.storage.failures import without_statement
from core.storage.sql import upsert
from core.storage.tables import annotation

MAX_NOTE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One candle's review: whether somebody looked at it, and what they noted."""

    is_reviewed: bool
    note: str
    written_at: datetime


def annotate(
    database_url: str,
    bot_id: int,
    candle_open: datetime,
    *,
    is_reviewed: bool,
    note: str,
    now: datetime,
) -> None:
    """Store what a reader noted about a candle, in a transaction of its own.

    Opens the database only for this write. Raises StorageError for a note that is too
    long, and where the database cannot be written.
    """
    if len(note) > MAX_NOTE:
        raise StorageError(f"the note has {len(note)} characters; at most {MAX_NOTE} are kept")
    engine = writer_engine(database_url)
    row = {
        "bot_id": bot_id,
        "candle_open": candle_open,
        "is_reviewed": is_reviewed,
        "note": note,
        "written_at": now,
    }
    try:
        with engine.begin() as connection:
            upsert(connection, annotation, [row])
    except sa.exc.SQLAlchemyError as error:
        raise StorageError(f"the note could not be stored: {without_statement(error)}") from error
    finally:
        engine.dispose()


def read_annotation(
    connection: sa.Connection, bot_id: int, candle_open: datetime
) -> Annotation | None:
    """What is noted about a candle; None where nobody noted anything."""
    row = connection.execute(
        sa.select(annotation).where(
            annotation.c.bot_id == bot_id, annotation.c.candle_open == candle_open
        )
    ).first()
    if row is None:
        return None
    return Annotation(is_reviewed=row.is_reviewed, note=row.note, written_at=row.written_at)


def annotation_version(connection: sa.Connection) -> int:
    """Changes with every note written (stored µs of the newest); 0 without any."""
    newest = connection.scalar(
        sa.select(sa.func.max(sa.type_coerce(annotation.c.written_at, sa.BigInteger)))
    )
    return int(newest or 0)
