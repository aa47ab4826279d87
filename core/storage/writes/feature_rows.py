"""Which row of a candle is stored, which lines are duplicates or conflicts.

Of all lines for one candle, the first in (path, generation, line) order is
stored; others with the same values are duplicates, the rest conflicts in
quarantine. The outcome does not depend on the order of arrival: a line that
comes before what is stored takes its place.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any, NamedTuple

import sqlalchemy as sa

from core.feature_log.rows import LoggedRow
from core.storage.bulk import raw
from core.storage.driver import insert_many
from core.storage.tables import duplicate_line, feature_row, quarantine
from core.storage.writes.changes import note_feature_rows

CONFLICT = "conflict"
CONFLICT_DETAIL = (
    "another row for this candle stands earlier in the logs and says something else; it was kept"
)
_ROWS = raw(feature_row)
_DUPLICATES = raw(duplicate_line)
_QUARANTINE = raw(quarantine)
_COUNTS = ("lines", "stored", "duplicates", "quarantined", "recovered")
_COUNT_OF = {"feature_row": "stored", "duplicate_line": "duplicates", "quarantine": "quarantined"}
_SLICE = 500
_ROW_NAMES = tuple(column.name for column in _ROWS.columns)
_DUPLICATE_NAMES = tuple(column.name for column in _DUPLICATES.columns)
QUARANTINE_NAMES = tuple(column.name for column in _QUARANTINE.columns if column.name != "id")


class Place(NamedTuple):
    """Where a line stands; `generation` counts how often the file's content was replaced."""

    file_id: int
    generation: int
    line: int


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


@dataclass(slots=True)
class Ledger:
    """Places lines of one bot in one transaction and keeps the account of each file.

    raw_of gives the text of a kept line that has to go into quarantine, row_of
    the values of a quarantined line that has to be stored; both are rare.
    """

    connection: sa.Connection
    bot_id: int
    paths: Mapping[int, str]
    raw_of: Callable[[Candidate], bytes]
    row_of: Callable[[Candidate], LoggedRow]
    counts: dict[int, dict[str, int]] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)  # candles whose stored row is new or another
    replaced: set[int] = field(default_factory=set)  # candles whose stored row is another

    def add(self, candidates: list[Candidate]) -> None:
        """Place new lines of one file, given in the order of its lines."""
        existing = self._existing(candidates)
        fresh: list[Candidate] = []
        again: list[tuple[Candidate, bytes]] = []
        contested: set[int] = set()
        for candidate in candidates:
            stored = existing.get(candidate.candle_open)
            if stored is None:
                fresh.append(candidate)
                existing[candidate.candle_open] = (candidate.row_hash, candidate.place)
                continue
            again.append((candidate, stored[0]))
            if self._order(candidate.place) < self._order(stored[1]):
                contested.add(candidate.candle_open)
        self._insert_rows(fresh)
        self.changed += [candidate.candle_open for candidate in fresh]
        later = [(it, kept) for it, kept in again if it.candle_open not in contested]
        self._insert_duplicates([it for it, kept in later if it.row_hash == kept])
        self._insert_conflicts([it for it, kept in later if it.row_hash != kept])
        self.settle([it for it, _ in again if it.candle_open in contested], ())

    def are_new(self, opens: list[int]) -> bool:
        """Whether each of these candles stands here once and has no stored row."""
        distinct = set(opens)
        if len(distinct) < len(opens):
            return False
        c = _ROWS.c
        query = sa.select(c.candle_open).where(
            c.bot_id == self.bot_id, c.candle_open.between(min(opens), max(opens))
        )
        return distinct.isdisjoint(self.connection.scalars(query))

    def add_new(
        self, file_id: int, generation: int, layout_id: int, columns: list[Sequence[Any]]
    ) -> None:
        """Store rows of candles that are new, as their file's header describes them.

        columns: the fields of LoggedRow, a sequence each.
        """
        opens, row_hashes, vectors, texts, *numbers = columns
        whence = (repeat(value) for value in (layout_id, file_id, generation))
        values = zip(
            *(repeat(self.bot_id), opens, row_hashes, *whence, *numbers[6:9]),
            *(repeat(False), *numbers[:6], texts, vectors),
            strict=False,  # the repeated ones do not end
        )
        insert_many(self.connection, _ROWS, _ROW_NAMES, list(values))
        self.count(file_id, "stored", len(opens))
        self.changed += opens

    def settle(self, added: Iterable[Candidate], withdrawn: Iterable[Candidate]) -> None:
        """Add and withdraw lines and decide anew about their candles."""
        news: dict[int, list[Candidate]] = defaultdict(list)
        gone: dict[int, set[Place]] = defaultdict(set)
        for candidate in added:
            news[candidate.candle_open].append(candidate)
        for candidate in withdrawn:
            gone[candidate.candle_open].add(candidate.place)
        opens = sorted(news.keys() | gone.keys())
        for part in slices(opens):
            known: dict[int, list[Candidate]] = defaultdict(list)
            for candidate in self.lines_of(part):
                known[candidate.candle_open].append(candidate)
            for opened in part:
                self._decide(known[opened], news[opened], gone[opened])

    def resettle(self, opens: Iterable[int]) -> None:
        """Decide anew about candles, where the order of files has changed."""
        for part in slices(sorted(opens)):
            known: dict[int, list[Candidate]] = defaultdict(list)
            for candidate in self.lines_of(part):
                known[candidate.candle_open].append(candidate)
            for lines in known.values():
                self._decide(lines, [], set())

    def contested(self, file_ids: Sequence[int]) -> set[int]:
        """Candles that several lines speak of, one of them in these files."""
        found: set[int] = set()
        stored = sa.select(_ROWS.c.candle_open).where(
            _ROWS.c.bot_id == self.bot_id, _ROWS.c.file_id.in_(file_ids)
        )
        for table in (_DUPLICATES, _QUARANTINE):
            c = table.c
            query = sa.select(c.candle_open).where(
                c.bot_id == self.bot_id,
                c.candle_open.is_not(None),
                c.file_id.in_(file_ids) | c.candle_open.in_(stored),
            )
            found.update(self.connection.scalars(query))
        return found

    def count(self, file_id: int, name: str, number: int) -> None:
        """Add lines of one kind to the account of a file."""
        account = self.counts.setdefault(file_id, dict.fromkeys(_COUNTS, 0))
        account[name] += number
        if name != "recovered":
            account["lines"] += number

    def note_changes(self) -> None:
        """Tell what builds on feature rows which candles are to be looked at again."""
        note_feature_rows(self.connection, self.bot_id, self.changed)
        self.changed.clear()

    def lines_of(self, opens: Sequence[int]) -> Iterator[Candidate]:
        """Every kept line of these candles."""
        for table in (_ROWS, _DUPLICATES, _QUARANTINE):
            yield from self.read(table, table.c.candle_open.in_(opens))

    def read(self, table: sa.Table, *where: Any) -> Iterator[Candidate]:
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
        ).where(c.bot_id == self.bot_id, *where)
        if table is _QUARANTINE:
            query = query.where(c.reason == CONFLICT)
        for row in self.connection.execute(query):
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

    def _order(self, place: Place) -> tuple[str, int, int]:
        return (self.paths[place.file_id], place.generation, place.line)

    def _existing(self, candidates: list[Candidate]) -> dict[int, tuple[bytes, Place]]:
        if not candidates:
            return {}
        opens = {candidate.candle_open for candidate in candidates}
        c = _ROWS.c
        query = sa.select(c.candle_open, c.row_hash, c.file_id, c.generation, c.line).where(
            c.bot_id == self.bot_id, c.candle_open.between(min(opens), max(opens))
        )
        return {
            opened: (bytes(row_hash), Place(*place))
            for opened, row_hash, *place in self.connection.execute(query)
            if opened in opens
        }

    def _decide(self, known: list[Candidate], added: list[Candidate], gone: set[Place]) -> None:
        """One candle: the first line wins, everything else follows from it."""
        pool = [line for line in known if line.place not in gone] + added
        pool.sort(key=lambda line: self._order(line.place))
        before = next((line for line in known if line.table == "feature_row"), None)
        leaving = [line for line in known if line.place in gone]
        duplicates: list[Candidate] = []
        conflicts: list[Candidate] = []
        for line in pool[1:]:
            is_same = line.row_hash == pool[0].row_hash
            if line.table == ("duplicate_line" if is_same else "quarantine"):
                continue
            leaving.append(line)
            text = None if is_same or line.raw is not None else self.raw_of(line)
            (duplicates if is_same else conflicts).append(
                line if text is None else replace(line, raw=text)
            )
        self._crown(before, pool[0] if pool else None)
        for line in leaving:
            self._remove(line)
        self._insert_duplicates(duplicates)
        self._insert_conflicts(conflicts)

    def _crown(self, before: Candidate | None, winner: Candidate | None) -> None:
        """Make a line the stored one of its candle in place of another."""
        if before == winner or (before and winner and before.place == winner.place):
            return
        if before is not None and winner is not None and before.row_hash == winner.row_hash:
            self._move(before, winner)
        else:
            row = None if winner is None else winner.row or self.row_of(winner)
            if before is not None:
                self._delete(_ROWS, before)
                self._count_row(before, -1)
                self.replaced.add(before.candle_open)
                self.changed.append(before.candle_open)
            if winner is not None:
                self._insert_rows([replace(winner, row=row)])
                self.changed.append(winner.candle_open)
        if winner is not None and winner.table is not None:
            self._remove(winner)

    def _move(self, before: Candidate, winner: Candidate) -> None:
        """The same values, said by an earlier line."""
        place = winner.place._asdict()
        self.connection.execute(
            sa.update(_ROWS)
            .where(_ROWS.c.bot_id == self.bot_id, _ROWS.c.candle_open == before.candle_open)
            .values(
                **place,
                offset=winner.offset,
                length=winner.length,
                is_recovered=winner.is_recovered,
            )
        )
        self._count_row(before, -1)
        self._count_row(winner, 1)

    def _count_row(self, line: Candidate, number: int) -> None:
        self.count(line.place.file_id, "stored", number)
        if line.is_recovered:
            self.count(line.place.file_id, "recovered", number)

    def _remove(self, line: Candidate) -> None:
        """Take a duplicate or a conflict out of its table; the stored row goes with _crown."""
        if line.table in (None, "feature_row"):
            return
        table = _DUPLICATES if line.table == "duplicate_line" else _QUARANTINE
        self._delete(table, line)
        self.count(line.place.file_id, _COUNT_OF[table.name], -1)

    def _delete(self, table: sa.Table, line: Candidate) -> None:
        c = table.c
        self.connection.execute(
            sa.delete(table).where(
                c.bot_id == self.bot_id,
                c.candle_open == line.candle_open,
                c.file_id == line.place.file_id,
                c.generation == line.place.generation,
                c.line == line.place.line,
            )
        )

    def _insert_rows(self, lines: list[Candidate]) -> None:
        rows = []
        for line in lines:
            row = line.row
            if row is None:
                raise ValueError(f"no values at hand for {line}")
            rows.append(
                (
                    self.bot_id,
                    line.candle_open,
                    line.row_hash,
                    line.layout_id,
                    *line.place,
                    line.offset,
                    line.length,
                    line.is_recovered,
                    row.logged_at,
                    row.open,
                    row.high,
                    row.low,
                    row.close,
                    row.volume,
                    row.texts,
                    row.vector,
                )
            )
        insert_many(self.connection, _ROWS, _ROW_NAMES, rows)
        for line in lines:
            self._count_row(line, 1)

    def _insert_duplicates(self, lines: list[Candidate]) -> None:
        rows = [
            (
                *line.place,
                self.bot_id,
                line.candle_open,
                line.row_hash,
                line.layout_id,
                line.offset,
                line.length,
                line.is_recovered,
            )
            for line in lines
        ]
        insert_many(self.connection, _DUPLICATES, _DUPLICATE_NAMES, rows)
        for line in lines:
            self.count(line.place.file_id, "duplicates", 1)

    def _insert_conflicts(self, lines: list[Candidate]) -> None:
        rows = []
        for line in lines:
            text = line.raw if line.raw is not None else self.raw_of(line)
            rows.append(
                (
                    self.bot_id,
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
        insert_many(self.connection, _QUARANTINE, QUARANTINE_NAMES, rows)
        for line in lines:
            self.count(line.place.file_id, "quarantined", 1)


def slices(opens: Sequence[int]) -> Iterator[Sequence[int]]:
    """Parts small enough for one statement."""
    for start in range(0, len(opens), _SLICE):
        yield opens[start : start + _SLICE]
