"""Files of one signal log: read on from where they were left, found again when rotated.

A file that was renamed (rotation) keeps its lines under its new name. One whose content
was replaced is read again from its start: lines that are accounted for do not count
again, and lines that it no longer has stay, since the bot did emit them.
"""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from core.context import Context
from core.errors import LogFormatError
from core.feature_log.catalog import rename_files
from core.settings import SignalFormat, SignalLogSettings
from core.signal_log.entry import Entry, Raw, first_lines
from core.signal_log.parsers import Parser, parser_for
from core.signal_log.reads import hashes_of_file
from core.signal_log.writes import (
    SignalFile,
    add_signal_file,
    insert_lines,
    read_signal_files,
    save_signal_file,
    settle,
)
from core.tailing.fingerprint import Fingerprint
from core.tailing.stream import (
    Chunk,
    ContentChanged,
    LongLine,
    Stream,
    open_after,
    open_stream,
    whole_lines,
)

_NAMED = 5


@dataclass
class LogCounts:
    """What reading a log came to: new lines, rejected ones among them, candles touched."""

    lines: int = 0
    rejected: int = 0
    files: int = 0
    candle_opens: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FileLog:
    """One signal log that has files of its own, with all that reading it needs."""

    context: Context
    log: SignalLogSettings
    position: int  # in the configuration

    def ingest(self) -> LogCounts:
        """Read every file of the log as far as it goes."""
        counts = LogCounts()
        paths = self._paths(counts)
        with self.context.engine.begin() as connection:
            known = read_signal_files(connection, self.context.bot_id, self.log.name)
            replaced = self._find_again(connection, known, paths)
            for path in paths:
                if path not in known:
                    known[path] = add_signal_file(
                        connection, self.context.bot_id, self.log.name, path
                    )
        for path in paths:
            counts.files += 1
            try:
                self._read(known[path], counts, is_replaced=path in replaced)
            except (OSError, LogFormatError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                self._note_problem(known[path], reason or type(error).__name__)
                counts.problems.append(f"{path}: {reason}")
        return counts

    def _paths(self, counts: LogCounts) -> list[str]:
        found: set[str] = set()
        for pattern in self.log.paths:
            matches = glob.glob(pattern, recursive=True)
            if not matches:
                counts.problems.append(f"{pattern}: no such file")
            for match in matches:
                if os.path.isdir(match):
                    counts.problems.append(f"{match}: is a folder, not a log file")
                else:
                    found.add(match)
        return sorted(found)

    def _find_again(
        self, connection: sa.Connection, known: dict[str, SignalFile], paths: Sequence[str]
    ) -> set[str]:
        """Give renamed files their new paths; returns paths whose content was replaced."""
        lost = [file for path, file in known.items() if not self._continues(path, file)]
        unclear = [path for path in paths if path not in known]
        unclear += [file.path for file in lost if file.path in paths]
        renamed: dict[int, str] = {}
        for path in unclear:
            for file in lost:
                if file.id not in renamed and file.offset and self._continues(path, file):
                    renamed[file.id] = path
                    break
        rename_files(connection, renamed)
        for file in lost:
            if file.id in renamed:
                known.pop(file.path)
        for file in lost:
            if file.id in renamed:
                file.path = renamed[file.id]
                known[file.path] = file
        return {file.path for file in lost if file.id not in renamed}

    def _continues(self, path: str, file: SignalFile) -> bool:
        """Whether the file at `path` begins with what was read from `file`."""
        try:
            self._open(path, file)[0].close()
        except (ContentChanged, OSError, LogFormatError):
            return False
        return True

    def _open(self, path: str, file: SignalFile) -> tuple[Stream, Fingerprint]:
        seen = Fingerprint.from_document(file.state.get("content"))
        turn = int(self.context.now.timestamp() // self.context.bot.frame.length_s)
        return open_after(Path(path), seen, file.offset, whole=False, turn=turn), seen

    def _read(self, file: SignalFile, counts: LogCounts, *, is_replaced: bool) -> None:
        if is_replaced:
            return self._read_again(file, counts)
        stream, seen = self._open(file.path, file)
        parser = parser_for(self.log, self.context.bot.frame, file.state.get("parser"))
        size = os.path.getsize(file.path)
        with closing(stream):
            for piece in whole_lines(stream, file.offset, seen):
                with self.context.engine.begin() as connection:
                    entries = self._take(file, seen, parser, piece)
                    self._store(connection, file, entries, counts)
                    save_signal_file(connection, file, self.context.now)
                if self.context.progress is not None:
                    self.context.progress(file.path, min(file.offset, size), size)
        if file.problem is not None:
            self._note_problem(file, None)
        return None

    def _read_again(self, file: SignalFile, counts: LogCounts) -> None:
        """A replaced file, in one transaction: lines that are accounted for do not count again."""
        stream = open_stream(Path(file.path))
        fresh = SignalFile(file.id, file.path)
        seen, parser = Fingerprint(), parser_for(self.log, self.context.bot.frame)
        with closing(stream), self.context.engine.begin() as connection:
            accounted = hashes_of_file(connection, file.id)
            for piece in whole_lines(stream, 0, seen):
                entries = self._take(fresh, seen, parser, piece)
                self._store(connection, fresh, _not_in(entries, accounted), counts)
            fresh.state = {"content": seen.document(), "parser": parser.state}
            save_signal_file(connection, fresh, self.context.now)

    def _take(
        self, file: SignalFile, seen: Fingerprint, parser: Parser, piece: Chunk | LongLine
    ) -> list[Entry]:
        """Parse a piece; `file` then says how far it was read."""
        if isinstance(piece, LongLine):
            return self._pass_long_line(file, seen, parser, piece)
        lines = [
            Raw(number, content)
            for number, content in enumerate(piece.data[:-1].split(b"\n"), start=file.line + 1)
        ]
        entries = parser.parse(lines)
        file.offset, file.line = piece.offset + len(piece.data), file.line + len(lines)
        file.state = {"content": seen.document(), "parser": parser.state}
        return entries

    def _pass_long_line(
        self, file: SignalFile, seen: Fingerprint, parser: Parser, piece: LongLine
    ) -> list[Entry]:
        """A line beyond every signal's size: noise in a text log, rejected elsewhere."""
        file.offset, file.line = piece.offset + piece.length + 1, file.line + 1
        file.state = {"content": seen.document(), "parser": parser.state}
        if self.log.format is SignalFormat.TEXT:
            return []
        reason = f"{piece.length} bytes in one line"
        return [Entry(line=file.line, sha256=piece.sha256, reason=reason)]

    def _store(
        self,
        connection: sa.Connection,
        file: SignalFile,
        entries: Sequence[Entry],
        counts: LogCounts,
    ) -> None:
        touched = insert_lines(
            connection,
            self.context.bot_id,
            self.log.name,
            self.position,
            [file.id] * len(entries),
            entries,
        )
        settle(connection, self.context.bot_id, touched)
        counts.lines += len(entries)
        counts.rejected += sum(entry.is_rejected for entry in entries)
        counts.candle_opens |= touched
        room = max(0, _NAMED - len(counts.problems))
        counts.problems += first_lines(entries, file.path, room)

    def _note_problem(self, file: SignalFile, problem: str | None) -> None:
        with self.context.engine.begin() as connection:
            stored = read_signal_files(connection, self.context.bot_id, self.log.name)[file.path]
            stored.problem = problem
            save_signal_file(connection, stored, self.context.now)


def _not_in(entries: Sequence[Entry], accounted: Counter[str]) -> list[Entry]:
    """Entries beyond those that are accounted for already, which are taken off the count."""
    fresh = []
    for entry in entries:
        if accounted[entry.sha256] > 0:
            accounted[entry.sha256] -= 1
        else:
            fresh.append(entry)
    return fresh
