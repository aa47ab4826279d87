"""Lines of feature logs as they are kept: a candle's stored row, duplicates of it, conflicts."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import sqlalchemy as sa

from core.feature_log.batch import LoggedRow
from core.storage.sql import insert_many, raw
from core.storage.tables import duplicate_line, feature_row, quarantine
from core.tailing.precedence import Place

CONFLICT = "conflict"
CONFLICT_DETAIL = (
    "another row for this candle stands earlier in the logs and says something else; it was kept"
)
ROWS = raw(feature_row)
DUPLICATES = raw(duplicate_line)
QUARANTINE = raw(quarantine)
QUARANTINE_NAMES = tuple(column.name for column in QUARANTINE.columns if column.name != "id")
_ROW_NAMES = tuple(column.name for column in ROWS.columns)
_DUPLICATE_NAMES = tuple(column.name for column in DUPLICATES.columns)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line that reads as a row of a candle."""

    place: Place
    candle_open: int
    row_hash: bytes
    layout_id: int
    is_recovered: bool
    offset: int
    length: int
    row: LoggedRow | None = None  # its values, while the line is at hand
    raw: bytes | None = None  # its text, likewise
    table: str | None = None  # where it is kept now; None for a new line


def read_lines(
    connection: sa.Connection, bot_id: int, table: sa.Table, *where: Any
) -> Iterator[Candidate]:
    """Kept lines of one of the three tables."""
    c = table.c
    query = sa.select(
        c.file_id,
        c.generation,
        c.line,
        c.candle_open,
        c.row_hash,
        c.layout_id,
        c.is_recovered,
        c.offset,
        c.length,
    ).where(c.bot_id == bot_id, *where)
    if table is QUARANTINE:
        query = query.where(c.reason == CONFLICT)
    for row in connection.execute(query):
        yield Candidate(
            place=Place(row.file_id, row.generation, row.line),
            candle_open=row.candle_open,
            row_hash=bytes(row.row_hash),
            layout_id=row.layout_id,
            is_recovered=row.is_recovered,
            offset=row.offset,
            length=row.length,
            table=table.name,
        )


def stored_opens(connection: sa.Connection, bot_id: int, first: int, last: int) -> Iterator[int]:
    """Candles from first to last that have a stored row."""
    query = sa.select(ROWS.c.candle_open).where(
        ROWS.c.bot_id == bot_id, ROWS.c.candle_open.between(first, last)
    )
    yield from connection.scalars(query)


def stored_rows(
    connection: sa.Connection, bot_id: int, opens: set[int]
) -> dict[int, tuple[bytes, Place]]:
    """Hash and place of the stored row of those of these candles that have one."""
    if not opens:
        return {}
    c = ROWS.c
    query = sa.select(c.candle_open, c.row_hash, c.file_id, c.generation, c.line).where(
        c.bot_id == bot_id, c.candle_open.between(min(opens), max(opens))
    )
    return {
        opened: (bytes(row_hash), Place(*place))
        for opened, row_hash, *place in connection.execute(query)
        if opened in opens
    }


def contested_opens(connection: sa.Connection, bot_id: int, file_ids: Sequence[int]) -> set[int]:
    """Candles that several lines speak of, one of them in these files."""
    contested: set[int] = set()
    stored = sa.select(ROWS.c.candle_open).where(
        ROWS.c.bot_id == bot_id, ROWS.c.file_id.in_(file_ids)
    )
    for table in (DUPLICATES, QUARANTINE):
        c = table.c
        query = sa.select(c.candle_open).where(
            c.bot_id == bot_id,
            c.candle_open.is_not(None),
            c.file_id.in_(file_ids) | c.candle_open.in_(stored),
        )
        contested.update(connection.scalars(query))
    return contested


def insert_columns(
    connection: sa.Connection, bot_id: int, layout_id: int, whence: Place, columns: Sequence[Any]
) -> None:
    """Store rows of one layout and file; columns: the fields of LoggedRow, a sequence each."""
    opens, row_hashes, vectors, texts, *numbers = columns
    file_id, generation, _ = whence
    values = zip(
        *(repeat(bot_id), opens, row_hashes, repeat(layout_id)),
        *(repeat(file_id), repeat(generation), *numbers[6:9]),
        *(repeat(False), *numbers[:6], texts, vectors),
        strict=False,  # the repeated ones do not end
    )
    insert_many(connection, ROWS, _ROW_NAMES, list(values))


def insert_rows(connection: sa.Connection, bot_id: int, lines: Sequence[Candidate]) -> None:
    """Store lines whose values are at hand."""
    rows = []
    for line in lines:
        row = line.row
        if row is None:
            raise ValueError(f"no values at hand for {line}")
        said = (row.logged_at, row.open, row.high, row.low, row.close, row.volume)
        rows.append(
            (
                bot_id,
                line.candle_open,
                line.row_hash,
                line.layout_id,
                *line.place,
                line.offset,
                line.length,
                line.is_recovered,
                *said,
                row.texts,
                row.vector,
            )
        )
    insert_many(connection, ROWS, _ROW_NAMES, rows)


def insert_duplicates(connection: sa.Connection, bot_id: int, lines: Sequence[Candidate]) -> None:
    """Keep that these lines were there, not what they say."""
    rows = [
        (
            *line.place,
            bot_id,
            line.candle_open,
            line.row_hash,
            line.layout_id,
            line.offset,
            line.length,
            line.is_recovered,
        )
        for line in lines
    ]
    insert_many(connection, DUPLICATES, _DUPLICATE_NAMES, rows)


def insert_conflicts(
    connection: sa.Connection,
    bot_id: int,
    lines: Sequence[Candidate],
    raw_of: Callable[[Candidate], bytes],
) -> None:
    """Keep lines in quarantine with their text."""
    rows = []
    for line in lines:
        text = line.raw if line.raw is not None else raw_of(line)
        rows.append(
            (
                bot_id,
                *line.place,
                line.offset,
                line.length,
                CONFLICT,
                CONFLICT_DETAIL,
                line.candle_open,
                text,
                hashlib.sha256(text).hexdigest(),
                line.layout_id,
                line.row_hash,
                line.is_recovered,
            )
        )
    insert_many(connection, QUARANTINE, QUARANTINE_NAMES, rows)


def move_row(connection: sa.Connection, bot_id: int, line: Candidate) -> None:
    """The stored row of a candle now is that of another line with the same values."""
    connection.execute(
        sa.update(ROWS)
        .where(ROWS.c.bot_id == bot_id, ROWS.c.candle_open == line.candle_open)
        .values(
            **line.place._asdict(),
            offset=line.offset,
            length=line.length,
            is_recovered=line.is_recovered,
        )
    )


def delete_line(connection: sa.Connection, bot_id: int, table: sa.Table, line: Candidate) -> None:
    """Take a kept line out of its table."""
    c = table.c
    connection.execute(
        sa.delete(table).where(
            c.bot_id == bot_id,
            c.candle_open == line.candle_open,
            c.file_id == line.place.file_id,
            c.generation == line.place.generation,
            c.line == line.place.line,
        )
    )
