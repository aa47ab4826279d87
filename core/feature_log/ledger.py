"""Which row of a candle is stored, as core.tailing.precedence judges its lines.

The line that counts is stored, duplicates are kept without their values, conflicts
in quarantine. A line that comes before what is stored takes its place.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from core.feature_log.batch import LoggedRow
from core.feature_log.kept_lines import (
    DUPLICATES,
    QUARANTINE,
    ROWS,
    Candidate,
    contested_opens,
    delete_line,
    insert_columns,
    insert_conflicts,
    insert_duplicates,
    insert_rows,
    move_row,
    read_lines,
    stored_opens,
    stored_rows,
)
from core.storage.changes import Subject, note_changes
from core.tailing.precedence import Place, Status, judge, later_status, order

_COUNTS = ("lines", "stored", "duplicates", "quarantined", "recovered")
_COUNT_OF = {"feature_row": "stored", "duplicate_line": "duplicates", "quarantine": "quarantined"}
_TABLE_OF = {Status.DUPLICATE: "duplicate_line", Status.CONFLICT: "quarantine"}
_SLICE = 500


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
        opens = {candidate.candle_open for candidate in candidates}
        existing = stored_rows(self.connection, self.bot_id, opens)
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
        statuses = [later_status(agrees=it.row_hash == kept) for it, kept in later]
        self._insert_later([it for it, _ in later], statuses)
        self.settle([it for it, _ in again if it.candle_open in contested], ())

    def are_new(self, opens: list[int]) -> bool:
        """Whether each of these candles stands here once and has no stored row."""
        distinct = set(opens)
        if len(distinct) < len(opens):
            return False
        stored = stored_opens(self.connection, self.bot_id, min(opens), max(opens))
        return distinct.isdisjoint(stored)

    def add_new(
        self, file_id: int, generation: int, layout_id: int, columns: list[Sequence[Any]]
    ) -> None:
        """Store rows of candles that are new, as their file's header describes them.

        columns: the fields of LoggedRow, a sequence each.
        """
        whence = Place(file_id, generation, 0)
        insert_columns(self.connection, self.bot_id, layout_id, whence, columns)
        opens = columns[0]
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
        return contested_opens(self.connection, self.bot_id, file_ids)

    def count(self, file_id: int, name: str, number: int) -> None:
        """Add lines of one kind to the account of a file."""
        account = self.counts.setdefault(file_id, dict.fromkeys(_COUNTS, 0))
        account[name] += number
        if name != "recovered":
            account["lines"] += number

    def note_changes(self) -> None:
        """Tell what builds on feature rows which candles are to be looked at again."""
        note_changes(self.connection, self.bot_id, Subject.FEATURE_ROW, self.changed)
        self.changed.clear()

    def lines_of(self, opens: Sequence[int]) -> Iterator[Candidate]:
        """Every kept line of these candles."""
        for table in (ROWS, DUPLICATES, QUARANTINE):
            yield from self.read(table, table.c.candle_open.in_(opens))

    def read(self, table: sa.Table, *where: Any) -> Iterator[Candidate]:
        """Kept lines of one of the three tables."""
        return read_lines(self.connection, self.bot_id, table, *where)

    def _order(self, place: Place) -> tuple[int, str, int, int]:
        return order(self.paths[place.file_id], place)

    def _decide(self, known: list[Candidate], added: list[Candidate], gone: set[Place]) -> None:
        """One candle: everything follows from the verdict on its lines."""
        pool = [line for line in known if line.place not in gone] + added
        pool.sort(key=lambda line: self._order(line.place))
        verdict = judge(pool, lambda line: (line.candle_open,), _says_the_same)
        before = next((line for line in known if line.table == "feature_row"), None)
        leaving = [line for line in known if line.place in gone]
        later: list[Candidate] = []
        statuses: list[Status] = []
        for line, status in zip(pool[1:], verdict.statuses[1:], strict=True):
            if line.table == _TABLE_OF[status]:
                continue
            leaving.append(line)
            if status is Status.CONFLICT and line.raw is None:
                line = replace(line, raw=self.raw_of(line))
            later.append(line)
            statuses.append(status)
        self._crown(before, next(iter(verdict.winners.values()), None))
        for line in leaving:
            self._remove(line)
        self._insert_later(later, statuses)

    def _crown(self, before: Candidate | None, winner: Candidate | None) -> None:
        """Make a line the stored one of its candle in place of another."""
        if before == winner or (before and winner and before.place == winner.place):
            return
        if before is not None and winner is not None and before.row_hash == winner.row_hash:
            self._move(before, winner)
        else:
            row = None if winner is None else winner.row or self.row_of(winner)
            if before is not None:
                delete_line(self.connection, self.bot_id, ROWS, before)
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
        move_row(self.connection, self.bot_id, winner)
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
        table = DUPLICATES if line.table == "duplicate_line" else QUARANTINE
        delete_line(self.connection, self.bot_id, table, line)
        self.count(line.place.file_id, _COUNT_OF[table.name], -1)

    def _insert_rows(self, lines: list[Candidate]) -> None:
        insert_rows(self.connection, self.bot_id, lines)
        for line in lines:
            self._count_row(line, 1)

    def _insert_later(self, lines: list[Candidate], statuses: list[Status]) -> None:
        """Keep lines that come after the stored one."""
        judged = list(zip(lines, statuses, strict=True))
        duplicates = [line for line, status in judged if status is Status.DUPLICATE]
        conflicts = [line for line, status in judged if status is Status.CONFLICT]
        insert_duplicates(self.connection, self.bot_id, duplicates)
        insert_conflicts(self.connection, self.bot_id, conflicts, self.raw_of)
        for line, status in judged:
            self.count(line.place.file_id, _COUNT_OF[_TABLE_OF[status]], 1)


def _says_the_same(line: Candidate, winner: Candidate, _candle_open: int) -> bool:
    """Whether two lines hold the same values in the same columns."""
    return line.row_hash == winner.row_hash


def slices(opens: Sequence[int]) -> Iterator[Sequence[int]]:
    """Parts small enough for one statement."""
    for start in range(0, len(opens), _SLICE):
        yield opens[start : start + _SLICE]
