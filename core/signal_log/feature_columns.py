"""Signals in columns of the feature log: read from the stored rows, as far as these changed."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.context import Context
from core.feature_log.reads import read_vectors
from core.feature_log.texts import RowPlace, row_places
from core.settings import SignalLogSettings
from core.signal_log.candle_labels import moment_us
from core.signal_log.entry import Entry, LogCounts, checked_open, read_values
from core.signal_log.writes import delete_rows_lines, insert_lines, settle
from core.storage.changes import Subject, read_changes
from core.storage.engine import snapshot
from core.storage.sql import raw
from core.storage.tables import feature_row
from core.storage.watermarks import read_watermark, write_watermark
from core.tailing.precedence import Place
from core.times import END_OF_TIME, from_us

_ROW = raw(feature_row)


@dataclass(frozen=True)
class ColumnLog:
    """A signal log that lives in columns of the feature log."""

    context: Context
    log: SignalLogSettings
    position: int
    is_own_label: bool  # candle_open names a column of its own, not the row's

    @property
    def step(self) -> str:
        return column_step(self.log.name)

    def ingest(self) -> LogCounts:
        """Read the rows that are new or were replaced; one transaction a block of rows."""
        counts = LogCounts()
        with snapshot(self.context.engine) as connection:
            seen = read_watermark(connection, self.context.bot_id, self.step)
            changes = read_changes(connection, self.context.bot_id, seen, Subject.FEATURE_ROW)
        spans = ((0, END_OF_TIME),) if changes.spans is None else changes.spans
        for first, last in spans:
            for start, end in self._windows(first, last):
                with self.context.engine.begin() as connection:
                    self._read_window(connection, start, end, counts)
        if changes.newest != seen:
            with self.context.engine.begin() as connection:
                write_watermark(connection, self.context.bot_id, self.step, changes.newest)
        return counts

    def _windows(self, first: int, last: int, rows: int = 8192) -> Iterator[tuple[int, int]]:
        """The span in pieces of so many rows."""
        query = (
            sa.select(_ROW.c.candle_open)
            .where(_ROW.c.bot_id == self.context.bot_id, _ROW.c.candle_open.between(first, last))
            .order_by(_ROW.c.candle_open)
        )
        with snapshot(self.context.engine) as connection:
            opens = list(connection.scalars(query))
        for cut in opens[rows - 1 : -1 : rows]:
            yield first, cut
            first = cut + 1
        yield first, last

    def _read_window(
        self, connection: sa.Connection, first: int, last: int, counts: LogCounts
    ) -> None:
        touched = delete_rows_lines(connection, self.context.bot_id, self.log.name, first, last)
        places = row_places(connection, self.context.bot_id, first, last)
        entries: list[Entry] = []
        whence: list[Place] = []
        for block in read_vectors(
            connection, self.context.bot_id, from_us(first), from_us(last + 1)
        ):
            for entry in self._entries(block, places):
                entries.append(entry)
                if entry.row_open is not None:
                    row = places[entry.row_open]
                    whence.append(Place(row.file_id, row.generation, row.line))
        touched |= insert_lines(
            connection, self.context.bot_id, self.log.name, self.position, whence, entries
        )
        settle(connection, self.context.bot_id, touched)
        counts.add(entries, touched, "feature log")

    def _entries(self, block: Any, places: Mapping[int, RowPlace]) -> Iterator[Entry]:
        """An entry for each row of a block that holds a signal."""
        columns = list(block.columns)
        wanted = {name: getattr(self.log, name) for name in ("long", "short", "price")}
        places_of = {name: columns.index(own) for name, own in wanted.items() if own in columns}
        if "long" not in places_of and "short" not in places_of:
            return
        label = columns.index(self.log.candle_open) if self._has_label(columns) else None
        for row, opened in zip(block.matrix, block.candle_opens.tolist(), strict=True):
            place = places[opened]
            cells = {name: _cell(row[at], at, place) for name, at in places_of.items()}
            if cells.get("long") is None and cells.get("short") is None:
                continue
            own = None if label is None else _cell(row[label], label, place) or ""
            yield self._entry(opened, place, own, cells)

    def _has_label(self, columns: list[str]) -> bool:
        return self.is_own_label and self.log.candle_open in columns

    def _entry(
        self, opened: int, place: RowPlace, label: str | None, cells: Mapping[str, str | None]
    ) -> Entry:
        said = Entry(
            line=place.line,
            sha256=hashlib.sha256(f"{opened} {sorted(cells.items())}".encode()).hexdigest(),
            logged_at=place.logged_at,
            row_open=opened,
        )
        try:
            candle_open = opened
            if label is not None:
                us = moment_us(label, self.log.zone)
                candle_open = checked_open(us, label, self.context.bot.frame)
            values = read_values(
                cells.get("long"), cells.get("short"), cells.get("price"), keeps_zeros=False
            )
        except ValueError as error:
            return said._replace(reason=str(error))
        return said._replace(candle_open=candle_open, values=values)


def column_step(log: str) -> str:
    """Under which name a column log keeps how far it has come."""
    return f"signal_log:{log}"


def _cell(value: float, position: int, place: RowPlace) -> str | None:
    """A stored number as the shortest text that names it, a text as it stands, else None."""
    if value != value:
        return place.text(position)
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) > 1 else repr(number)
