"""Pieces of one feature log → rows, drifted lines, rejected lines: every line accounted for.

What a line comes to depends on the lines before it in its file alone, so a file
may arrive in any pieces.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.arrays import Flags, Floats
from core.feature_log.batch import Batch, LoggedRow, Rejected, RowBlock, logged_row
from core.feature_log.bulk import parse_content, parse_lines
from core.feature_log.cells import (
    FEWEST_FIELDS,
    LineError,
    Record,
    Widths,
    is_blank,
    join_quoted,
    split_cells,
)
from core.feature_log.drifted import Before, Drifted, before_document, before_of
from core.feature_log.layout import Grammar, Layout, Profile, Row
from core.tailing.stream import MAX_LINE, Chunk, LongLine

_FEW = 16  # lines; below, parsing in bulk does not pay
_MUCH = 2**14  # bytes; from here on a piece is worth a try as a whole


class LogReader:
    """Goes through one file; `state` in a batch is what another reader needs to go on."""

    def __init__(
        self, grammar: Grammar, profiles: Mapping[Layout, Profile], state: Mapping[str, Any]
    ) -> None:
        self._grammar = grammar
        self._known = dict(profiles)
        self._line = int(state.get("line", 0))
        header = state.get("header")
        self.header = None if header is None else Layout(tuple(header))
        # One letter a column: n numbers, s words, ? nothing seen yet under this header.
        self._kinds = list(state.get("kinds", ""))
        self._before = before_of(state.get("before"))
        self._held = b""
        self._held_at = 0
        self._widths = Widths(
            frozenset(int(width) for width in state.get("widths", ())), int(state.get("width", 0))
        )
        self._alone: list[Row] = []  # read one by one, their profile not yet taken

    def read(self, piece: Chunk | LongLine) -> Batch:
        """Account for a piece; lines of an open quoted field are held back for the next one."""
        if isinstance(piece, LongLine):
            return self._read_long_line(piece)
        offset = piece.offset - len(self._held)
        batch = Batch(offset, self._held + piece.data)
        self._read_lines(batch, is_last=False)
        return self._close(batch)

    def finish(self) -> Batch:
        """Account for lines that are held back, as nothing follows that could close their quote."""
        batch = Batch(self._held_at, self._held)
        self._read_lines(batch, is_last=True)
        return self._close(batch)

    def _read_long_line(self, piece: LongLine) -> Batch:
        batch = Batch(piece.offset - len(self._held), self._held)
        self._read_lines(batch, is_last=True)
        self._line += 1
        detail = f"{piece.length} bytes in one line; {MAX_LINE} is the limit"
        batch.rejected.append(
            Rejected(self._line, piece.offset, piece.length, None, piece.sha256, "too_long", detail)
        )
        batch.offset = piece.offset + piece.length + 1
        return self._close(batch)

    def _close(self, batch: Batch) -> Batch:
        self._learn_alone(batch)
        batch.line = self._line
        batch.waiting = sum(not is_blank(line) for line in self._held.split(b"\n")[:-1])
        self._held_at = batch.offset
        batch.state = {
            "line": self._line,
            "header": None if self.header is None else list(self.header.columns),
            "kinds": "".join(self._kinds),
            "widths": sorted(self._widths.headers),
            "width": self._widths.before,
            "before": before_document(self._before),
        }
        return batch

    def _read_lines(self, batch: Batch, *, is_last: bool) -> None:
        if b'"' not in batch.data:
            self._read_plain(batch)
            batch.offset = batch.start + len(batch.data)
            self._held = b""
            return
        lines = batch.data.split(b"\n")
        lines.pop()
        # A record's width counts only while its header is in force: one record at a time
        # changes it, so the lines are joined again after each header.
        at, offset = 0, batch.start
        while at < len(lines):
            header = self.header
            records = join_quoted(lines[at:], offset, self._line + 1, self._widths, is_last=is_last)
            if not records:
                break
            for record in records:
                self._read_record(batch, record)
                at += record.lines
                offset = record.offset + len(record.raw) + 1
                if self.header is not header:
                    break
        batch.offset = offset
        self._held = batch.data[offset - batch.start :]

    def _read_plain(self, batch: Batch) -> None:
        """Lines without quotes: all at once where all are plain rows, else in runs."""
        if self._read_at_once(batch):
            return
        lines = batch.data.split(b"\n")
        lines.pop()
        widths = [line.count(b",") + 1 for line in lines]
        odd = b"\0" in batch.data or b"\r" in batch.data
        offset = batch.start
        at = 0
        while at < len(lines):
            end = at
            if self.header is not None and self._kinds:
                width = len(self.header.columns)
                while end < len(lines) and widths[end] == width and not (odd and _odd(lines[end])):
                    end += 1
            if end - at >= _FEW:
                offset = self._read_run(batch, lines[at:end], offset)
                at = end
                continue
            record = Record(self._line + 1, offset, lines[at])
            self._read_record(batch, record)
            offset += len(lines[at]) + 1
            at += 1

    def _read_at_once(self, batch: Batch) -> bool:
        """Take a piece in which every line stands plainly under the header in force."""
        if self.header is None or len(batch.data) < _MUCH:
            return False
        kinds, line = "".join(self._kinds), self._line + 1
        plain = parse_content(self._grammar, self.header, kinds, batch.data, line, batch.start)
        if plain is None:
            return False
        self._learn(batch, self.header, plain.matrix, plain.text)
        batch.blocks.append(RowBlock(self.header, plain=plain))
        self._note_width(len(self.header.columns))
        self._line = int(plain.lines[-1])
        close = plain.prices[3]
        last = math.nan if close is None else float(plain.matrix[-1, close])
        self._before = Before(self._line, int(plain.opens[-1]), None if math.isnan(last) else last)
        return True

    def _read_run(self, batch: Batch, lines: list[bytes], offset: int) -> int:
        """Lines of the header's width; those that are not plainly rows go one by one.

        Returns the offset after them. A header among them ends the run's parse;
        what follows it is parsed anew.
        """
        at, alone = 0, 1
        while at < len(lines) and self.header is not None:
            header, kinds = self.header, "".join(self._kinds)
            # Where nothing was seen under this header yet, its first line tells numbers from words.
            run = lines[at:] if kinds.strip("?") else lines[at : at + 1]
            rows = parse_lines(self._grammar, header, kinds, run, self._line + 1, offset)
            until = end = at + len(rows)
            taken = []
            for row in rows:
                if row is None:
                    self._read_record(batch, Record(self._line + 1, offset, lines[at]))
                    if kinds != "".join(self._kinds) and until == end:
                        # More is known of the columns now: the rest may be plain.
                        until, alone = min(end, at + alone), 2 * alone
                else:
                    self._take(batch, header, row)
                    taken.append(row)
                offset += len(lines[at]) + 1
                at += 1
                if self.header is not header or at == until:
                    break
            self._learn_rows(batch, header, taken)
        return offset

    def _take(self, batch: Batch, header: Layout, row: LoggedRow) -> None:
        if not batch.blocks or batch.blocks[-1].layout is not header:
            batch.blocks.append(RowBlock(header))
        batch.blocks[-1].rows.append(row)
        self._note_width(len(header.columns))
        self._line = row.line
        self._before = Before(row.line, row.candle_open, row.close)

    def _note_width(self, before: int) -> None:
        if before != self._widths.before:
            self._widths = replace(self._widths, before=before)

    def _learn_rows(self, batch: Batch, layout: Layout, rows: list[LoggedRow]) -> None:
        width = len(layout.columns)
        matrix = np.frombuffer(b"".join(row.vector for row in rows), "<f8").reshape(-1, width)
        text = np.zeros(width, bool)
        known = {row.texts for row in rows if row.texts is not None}
        text[[int(at) for document in known for at in json.loads(document)]] = True
        self._learn(batch, layout, matrix, text)

    def _learn(self, batch: Batch, layout: Layout, matrix: Floats, text: Flags) -> None:
        if not len(matrix):
            return
        nothing = Profile.empty(len(layout.columns))
        known = self._known.get(layout, nothing)
        close = self._grammar.roles(layout).prices[3]
        learned = Profile.of(matrix, text, close, known)
        self._known[layout] = known.merge(learned)
        batch.profiles[layout] = batch.profiles.get(layout, nothing).merge(learned)

    def _learn_alone(self, batch: Batch) -> None:
        by_layout: dict[Layout, list[Row]] = {}
        for row in self._alone:
            by_layout.setdefault(row.layout, []).append(row)
        for layout, rows in by_layout.items():
            text = np.zeros(len(layout.columns), bool)
            text[[at for row in rows for at in row.texts]] = True
            self._learn(batch, layout, np.array([row.values for row in rows]), text)
        self._alone = []

    def _read_record(self, batch: Batch, record: Record) -> None:
        """One record, whatever it is."""
        self._line += record.lines
        if len(record.raw) > MAX_LINE:
            detail = f"{len(record.raw)} bytes in one line; {MAX_LINE} is the limit"
            self._reject(batch, record, LineError("too_long", detail), keep=False)
        elif not is_blank(record.raw):
            try:
                cells = split_cells(record.raw)
            except LineError as error:
                self._reject(batch, record, error)
            else:
                if len(cells) >= FEWEST_FIELDS:
                    self._note_width(len(cells))
                self._read_cells(batch, record, cells)

    def _read_cells(self, batch: Batch, record: Record, cells: list[str]) -> None:
        is_line = record.lines == 1  # rows may go over lines, names do not
        if is_line and self._grammar.is_header(cells, is_first=record.line == 1):
            header = Layout(tuple(cells))
            batch.headers.append(header)
            self._widths = replace(self._widths, headers=self._widths.headers | {len(cells)})
            if header != self.header:
                self.header, self._kinds = header, ["?"] * len(cells)
            return
        try:
            row = self._under_header(cells)
        except LineError as error:
            batch.drifted.append(
                Drifted(
                    record.line,
                    record.offset,
                    record.raw,
                    self.header,
                    error.reason,
                    error.detail,
                    self._before,
                )
            )
            self._before = Before(record.line, raw=record.raw)
            return
        self._take(
            batch,
            row.layout,
            logged_row(row, self._grammar, record.line, record.offset, len(record.raw)),
        )
        self._line = record.line + record.lines - 1
        self._alone.append(row)

    def _under_header(self, cells: list[str]) -> Row:
        """The row as the header in force describes it; raises LineError when it does not."""
        if self.header is None:
            raise LineError("no_layout", "no header stands above this line")
        row = self._grammar.read(self.header, cells)
        for position, text in row.texts.items():
            if self._kinds[position] == "n" and math.isnan(row.values[position]):
                name = self.header.columns[position]
                raise LineError(
                    "text_in_number", f"column {name!r} held numbers so far, here {text[:60]!r}"
                )
        for position, value in enumerate(row.values):
            if self._kinds[position] == "?":
                self._kinds[position] = self._kind(cells[position], value, row.texts.get(position))
        return row

    @staticmethod
    def _kind(cell: str, value: float, text: str | None) -> str:
        if math.isnan(value):
            return "?" if text is None else "s"
        return "s" if cell.strip().lower() in ("true", "false") else "n"

    def _reject(self, batch: Batch, record: Record, error: LineError, *, keep: bool = True) -> None:
        batch.rejected.append(
            Rejected(
                record.line,
                record.offset,
                len(record.raw),
                record.raw if keep else None,
                hashlib.sha256(record.raw).hexdigest(),
                error.reason,
                error.detail,
            )
        )


def _odd(line: bytes) -> bool:
    """Whether a line has bytes that only the careful way reads rightly."""
    return b"\0" in line or -1 < line.find(b"\r") < len(line) - 1
