"""The one follower of logs that grow, are renamed, replaced, cut back or packed.

It knows what becomes of files, not what their lines say: a noun hands it a sink,
which makes readers of pieces and keeps what these read. Each piece is one
transaction together with how far the file was read, so the work may be stopped
anywhere and started again. Reading with its digests, parsing and writing each
run in a thread of their own; reading and parsing hold Python's lock for moments only.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from core.context import Context
from core.errors import LogFormatError
from core.storage.engine import snapshot
from core.tailing.files import (
    LogFile,
    add_file,
    mark_looked_at,
    read_files,
    rename_files,
    save_file,
)
from core.tailing.fingerprint import BLOCK, Fingerprint
from core.tailing.prefetch import prefetch
from core.tailing.stream import Chunk, ContentChanged, LongLine, open_after, whole_lines
from core.tailing.survey import Change, Finding, Survey, survey
from core.times import to_us

PIECE = BLOCK  # bytes of a file in one transaction


class Batch(Protocol):
    """What a piece came to: up to which byte and line its file is accounted for."""

    @property
    def offset(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def waiting(self) -> int: ...  # whole lines behind it that wait for more
    @property
    def state(self) -> Mapping[str, object]: ...  # what another reader needs to go on (JSON)


B = TypeVar("B", bound=Batch)
B_co = TypeVar("B_co", bound=Batch, covariant=True)


class Reader(Protocol[B_co]):
    """Parses one file, piece after piece; LogFormatError, with its path, ends the reading."""

    def read(self, piece: Chunk | LongLine, /) -> B_co: ...
    def finish(self) -> B_co:
        """Account for what waits: nothing more is to be expected of the file."""
        ...


class StoppedShort(LogFormatError):
    """A reader stopped inside a piece: `batch` is what it read, the rest waits."""

    def __init__(self, message: str, batch: Any) -> None:
        super().__init__(message)
        self.batch = batch


class Sink(Protocol[B]):
    """What a noun does with what is read of its files."""

    def reader(self, file: LogFile) -> Reader[B]:
        """Goes on where `file.state["reader"]` says; called in another thread."""
        ...

    def keep(self, connection: sa.Connection, file: LogFile, batch: B) -> None:
        """Store a batch; of a generation above 0, lines that are accounted for come again."""
        ...

    def moved(self, connection: sa.Connection, file_ids: Sequence[int]) -> None:
        """The paths of these files, and with them the order of their lines, have changed."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """The files of one log of a bot: its name in the database, in the configuration, its paths."""

    log: str
    section: str  # "[bots.feature_log]", for sentences
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """How many files were looked at; a sentence for each that could not be read."""

    files: int
    problems: tuple[str, ...]


def follow(context: Context, source: Source, sink: Sink[B]) -> Followed:
    """Hand everything that is new in the files of a log to its sink.

    The context's progress is told after each piece.
    """
    with snapshot(context.engine) as connection:
        known = read_files(connection, context.bot_id, source.log)
    surveyed = survey(source.patterns, known, source.section)
    follower = _Follower(context, source.log, sink)
    follower.rename(surveyed)
    looked_at = [file.id for file in surveyed.unchanged]
    looked_at += [follower.read(finding, surveyed.problems) for finding in surveyed.to_read]
    for file in _finished(context, surveyed.unchanged, follower.read_now):
        follower.release(file, surveyed.problems)
    with context.engine.begin() as connection:
        mark_looked_at(connection, looked_at, context.now)
    return Followed(len(looked_at), tuple(surveyed.problems.values()))


@dataclass(frozen=True, slots=True)
class _Follower(Generic[B]):
    context: Context
    log: str
    sink: Sink[B]
    read_now: list[LogFile] = field(default_factory=list)

    def rename(self, surveyed: Survey) -> None:
        """Records follow their content to its new path."""
        if surveyed.renamed:
            with self.context.engine.begin() as connection:
                rename_files(connection, surveyed.renamed)
                self.sink.moved(connection, list(surveyed.renamed))
        for finding in surveyed.to_read:
            if finding.file is not None:
                finding.file.path = finding.path

    def read(self, finding: Finding, problems: dict[str, str]) -> int:
        """One file; what goes wrong with it is a sentence and keeps no other from being read."""
        file = finding.file or self._begin(finding)
        if finding.change is Change.REPLACED:
            file.generation += 1
            file.offset = file.line = 0
            file.state = {"looks": file.state.get("looks", 0)}
        self._account(file, finding.stat, problems)
        self.read_now.append(file)
        return file.id

    def release(self, file: LogFile, problems: dict[str, str]) -> None:
        """What waits in a file that is finished is accounted for as it stands."""
        self._account(file, file.state["stat"], problems, is_finished=True)

    def _account(
        self, file: LogFile, stat: list[int], problems: dict[str, str], *, is_finished: bool = False
    ) -> None:
        file.problem = self._read_on(file, stat[0], is_finished=is_finished)
        if file.problem is None:
            file.state["stat"] = stat
        else:
            problems[file.path] = file.problem
        file.state["looks"] = int(file.state.get("looks", 0)) + 1
        with self.context.engine.begin() as connection:
            save_file(connection, file)

    def _begin(self, finding: Finding) -> LogFile:
        with self.context.engine.begin() as connection:
            return add_file(connection, self.context.bot_id, self.log, finding.path)

    def _read_on(self, file: LogFile, size: int, *, is_finished: bool) -> str | None:
        """Everything new in a file; returns what went wrong."""
        content = Fingerprint.from_document(file.state.get("content"))
        try:
            pieces = self._batches(file, content, is_finished=is_finished)
            with closing(prefetch(lambda: pieces)) as batches:
                for batch, document in batches:
                    self._keep(file, batch, document)
                    if self.context.progress is not None:
                        self.context.progress(file.path, file.offset, size)
        except FileNotFoundError:
            return f"{file.path}: vanished while it was read"
        except ContentChanged:
            return f"{file.path}: replaced while it was read; the next cycle reads it anew"
        except OSError as error:
            return f"{file.path}: cannot be read: {error.strerror or error}"
        except LogFormatError as error:
            return str(error)
        return None

    def _batches(
        self, file: LogFile, content: Fingerprint, *, is_finished: bool
    ) -> Iterator[tuple[B, dict[str, Any]]]:
        """Parsed pieces of a file, with the content that they complete."""
        reader = self.sink.reader(file)
        with closing(prefetch(lambda: _pieces(file, content), ahead=1)) as pieces:
            for piece, document in pieces:
                try:
                    batch = reader.read(piece)
                except StoppedShort as stopped:
                    yield stopped.batch, document
                    raise
                yield batch, document
        if is_finished:
            yield reader.finish(), content.document()

    def _keep(self, file: LogFile, batch: B, content: dict[str, Any]) -> None:
        """One piece: its lines and how far the file was read, in one transaction."""
        with self.context.engine.begin() as connection:
            file.offset, file.line, file.waiting = batch.offset, batch.line, batch.waiting
            file.state = {
                "reader": dict(batch.state),
                "content": content,
                "looks": file.state.get("looks", 0),
            }
            self.sink.keep(connection, file, batch)
            save_file(connection, file)


def _finished(
    context: Context, unchanged: Sequence[LogFile], read_now: Sequence[LogFile]
) -> list[LogFile]:
    """Files with waiting lines that nobody goes on writing.

    A bot writes a line a candle: a file that got none in two candles is finished, and one that
    stood still since the last look while a younger one was written.
    """
    files = [file for file in (*unchanged, *read_now) if "stat" in file.state]
    written_ns = {file.id: file.state["stat"][1] for file in files}
    long_ago_ns = to_us(context.now - 2 * context.bot.frame.length) * 1000
    youngest_ns = max(written_ns.values(), default=0)
    bounds_ns = dict.fromkeys((file.id for file in unchanged), max(long_ago_ns, youngest_ns))
    return [
        file
        for file in files
        if file.waiting and written_ns[file.id] < bounds_ns.get(file.id, long_ago_ns)
    ]


def _pieces(
    file: LogFile, content: Fingerprint
) -> Iterator[tuple[Chunk | LongLine, dict[str, Any]]]:
    """Pieces of what is new in a file, with the content that they complete."""
    looks = int(file.state.get("looks", 0))
    offset = file.offset
    stream = open_after(Path(file.path), content, offset, whole=False, turn=looks)
    try:
        for piece in whole_lines(stream, offset, content, PIECE):
            yield piece, content.document()
    finally:
        stream.close()
