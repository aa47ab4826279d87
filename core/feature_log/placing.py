"""One batch of a file into the database: rows, drifted lines, quarantine, and the account.

Where a file's content was replaced, a line that was accounted for before is
recognised by what it says and moves to its new place; it is not counted again.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from core.feature_log.batch import Batch, LoggedRow, Rejected, line_of_values, logged_row, says
from core.feature_log.catalog import Catalog
from core.feature_log.cells import LineError, split_cells
from core.feature_log.drifted import Drifted, place
from core.feature_log.kept_lines import Candidate
from core.feature_log.layout import Grammar
from core.feature_log.ledger import Ledger, slices
from core.feature_log.line_writes import (
    KeptDrift,
    answer_drifted,
    earlier_quarantined,
    explain,
    forget_drifted,
    forget_lines,
    has_drifted,
    keep_drifted,
    reject,
    release,
    sha256,
    unplaced,
)
from core.storage.sql import raw
from core.storage.tables import duplicate_line, feature_row, quarantine
from core.tailing.precedence import Place
from core.tailing.stream import line_at

_ROWS = raw(feature_row)
_QUARANTINE = raw(quarantine)
_DUPLICATES = raw(duplicate_line)


class Placer:
    """Places lines of one bot inside one transaction."""

    def __init__(
        self,
        connection: sa.Connection,
        bot_id: int,
        grammar: Grammar,
        catalog: Catalog,
        paths: dict[int, str],
    ) -> None:
        self._connection = connection
        self._bot_id = bot_id
        self._grammar = grammar
        self._catalog = catalog
        self._paths = paths
        self._batch = Batch(0, b"")
        self.ledger = Ledger(connection, bot_id, paths, self._raw_of, self._row_of)

    def place(self, batch: Batch, file_id: int, generation: int) -> None:
        """Everything that a batch holds; layouts of the batch are in the catalog already."""
        if self._is_plain(batch, generation):
            for block in batch.blocks:
                number = self._catalog.ids[block.layout]
                self.ledger.add_new(file_id, generation, number, block.columns())
            return
        candidates = self._rows(batch, file_id, generation)
        kept = [self.answer(line, Place(file_id, generation, line.line)) for line in batch.drifted]
        candidates += [line.candidate for line in kept if line.candidate is not None]
        candidates.sort(key=lambda candidate: candidate.place.line)
        rejected = [*batch.rejected, *(line.refused for line in kept if line.refused is not None)]
        if generation:
            candidates = self._claim(batch, candidates, file_id, generation)
            self._release(((line.sha256) for line in rejected), file_id, generation)
        self._batch = batch
        self.ledger.add(candidates)
        for line in sorted(rejected, key=lambda line: line.line):
            reject(self.ledger, Place(file_id, generation, line.line), line)
        keep_drifted(self.ledger, [line.kept for line in kept], self._catalog.ids)

    def ask_again(self, line: KeptDrift) -> None:
        """Place a drifted line by what is known now; nothing happens where the answer stays."""
        now = self.answer(line.drifted, line.place)
        before, after = _candidate(line), now.candidate
        if now.refused is not None and before is None:
            explain(self.ledger, line.place, now.refused.reason, now.refused.detail)
            return
        if (
            before
            and after
            and (before.layout_id, before.row_hash)
            == (
                after.layout_id,
                after.row_hash,
            )
        ):
            return
        if before is None:
            release(self.ledger, line.place)
        else:
            self.ledger.settle((), (before,))
        if now.refused is not None:
            reject(self.ledger, line.place, now.refused)
        elif after is not None:
            self.ledger.settle((after,), ())
        answer_drifted(self.ledger, now.kept)

    def _is_plain(self, batch: Batch, generation: int) -> bool:
        """Whether a batch holds new candles only, in rows that stand under their header."""
        if generation or batch.drifted or batch.rejected or not batch.blocks:
            return False
        return self.ledger.are_new([opened for block in batch.blocks for opened in block.opens()])

    def forget_files(self, file_ids: list[int]) -> None:
        """Take back every line of these files, as if they had never been read."""
        lines = [
            line
            for table in (_ROWS, _DUPLICATES, _QUARANTINE)
            for line in self.ledger.read(table, table.c.file_id.in_(file_ids))
        ]
        self.ledger.settle((), lines)
        forget_lines(self.ledger, file_ids)

    def resettle_files(self, file_ids: list[int]) -> None:
        """Decide anew about candles that several lines speak of, one of them in these files."""
        self.ledger.resettle(self.ledger.contested(file_ids))

    def answer(self, drifted: Drifted, at: Place) -> "Answer":
        """The row that a drifted line is by what is known now, or why it is none."""
        try:
            row = place(drifted, self._grammar, self._catalog.profiles)
        except LineError as error:
            refused = unplaced(drifted, error.reason, error.detail)
            return Answer(KeptDrift(at, drifted, None, None, None), None, refused)
        logged = logged_row(row, self._grammar, drifted.line, drifted.offset, len(drifted.raw))
        number = self._catalog.ids[row.layout]
        kept = KeptDrift(at, drifted, number, row.candle_open, logged.row_hash)
        return Answer(kept, _candidate(kept, logged), None)

    def _rows(self, batch: Batch, file_id: int, generation: int) -> list[Candidate]:
        return [
            Candidate(
                Place(file_id, generation, row.line),
                row.candle_open,
                row.row_hash,
                self._catalog.ids[block.layout],
                False,
                row.offset,
                row.length,
                row,
            )
            for block in batch.blocks
            for row in block.rows
        ]

    def _claim(
        self, batch: Batch, candidates: list[Candidate], file_id: int, generation: int
    ) -> list[Candidate]:
        """Move lines that earlier contents of the file held; returns those that are new."""
        earlier = self._earlier(candidates, file_id, generation)
        claimed: list[Candidate] = []
        withdrawn: list[Candidate] = []
        new: list[Candidate] = []
        for candidate in candidates:
            same = earlier.get((candidate.candle_open, candidate.row_hash))
            if same:
                withdrawn.append(same.pop(0))
                claimed.append(candidate)
            else:
                new.append(candidate)
        self._batch = batch
        self.ledger.settle(claimed, withdrawn)
        if withdrawn and has_drifted(self._connection, self._bot_id):
            for line in withdrawn:
                forget_drifted(self.ledger, line.place)
        waiting = earlier_quarantined(self.ledger, file_id, generation)
        if waiting:
            self._release(
                (sha256(batch.raw(it.offset, it.length)) for it in new), file_id, generation
            )
        return new

    def _earlier(
        self, candidates: list[Candidate], file_id: int, generation: int
    ) -> dict[tuple[int, bytes], list[Candidate]]:
        moved: dict[tuple[int, bytes], list[Candidate]] = defaultdict(list)
        for part in slices(sorted({candidate.candle_open for candidate in candidates})):
            for line in self.ledger.lines_of(part):
                if line.place.file_id == file_id and line.place.generation < generation:
                    moved[line.candle_open, line.row_hash].append(line)
        for lines in moved.values():
            lines.sort(key=lambda line: line.place)
        return moved

    def _release(self, digests: Iterable[str], file_id: int, generation: int) -> None:
        """Free lines that wait in quarantine for each of these, which take their place."""
        waiting = earlier_quarantined(self.ledger, file_id, generation)
        if not waiting:
            return
        for digest in digests:
            if waiting.get(digest):
                earlier = waiting[digest].pop(0)
                release(self.ledger, earlier)
                forget_drifted(self.ledger, earlier)

    def _raw_of(self, line: Candidate) -> bytes:
        """The text of a line: from the batch, its file, or, where that is gone, its values."""
        if line.table is None:
            return self._batch.raw(line.offset, line.length)
        layout = self._catalog.by_id()[line.layout_id]
        content = line_at(Path(self._paths[line.place.file_id]), line.offset, line.length)
        if content is not None and says(content, layout, line.row_hash):
            return content
        row = self._connection.execute(
            sa.select(_ROWS.c.vector, _ROWS.c.texts).where(
                _ROWS.c.bot_id == self._bot_id, _ROWS.c.candle_open == line.candle_open
            )
        ).one()
        values = np.frombuffer(row.vector, "<f8").tolist()
        return line_of_values(values, {int(at): text for at, text in (row.texts or {}).items()})

    def _row_of(self, line: Candidate) -> LoggedRow:
        """The values of a conflict that takes the place of the stored row."""
        text = self._connection.execute(
            sa.select(_QUARANTINE.c.raw).where(
                _QUARANTINE.c.file_id == line.place.file_id,
                _QUARANTINE.c.generation == line.place.generation,
                _QUARANTINE.c.line == line.place.line,
            )
        ).scalar_one()
        layout = self._catalog.by_id()[line.layout_id]
        row = self._grammar.read_kept(layout, split_cells(bytes(text)), line.candle_open)
        return logged_row(row, self._grammar, line.place.line, line.offset, line.length)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a drifted line is: a candidate for its candle, or refused."""

    kept: KeptDrift
    candidate: Candidate | None
    refused: Rejected | None


def _candidate(line: KeptDrift, row: LoggedRow | None = None) -> Candidate | None:
    """A drifted line as a candidate for its candle, where a layout fits it."""
    if line.layout_id is None or line.candle_open is None or line.row_hash is None:
        return None
    return Candidate(
        line.place,
        line.candle_open,
        line.row_hash,
        line.layout_id,
        True,
        line.drifted.offset,
        len(line.drifted.raw),
        row,
        line.drifted.raw,
    )
