"""A log file as a stream of whole lines, plain or gzip, in bounded memory."""

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from core.errors import LogFormatError
from core.regular_file import regular
from core.tailing.fingerprint import BLOCK, Fingerprint

_GZIP_MAGIC = b"\x1f\x8b"
MAX_LINE = 2**20  # bytes; a longer line is never held in memory


class Stream(Protocol):
    """Bytes of a log, unpacked."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines; `data` ends with a line end."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line beyond MAX_LINE that was hashed on the way past; `length` without its line end."""

    offset: int
    length: int
    sha256: str


class GzipStream:
    """Unpacks gzip members one after the other; an unfinished last member gives what is there."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._member = zlib.decompressobj(wbits=31)
        self._packed = b""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end of what has been written so far."""
        while True:
            if self._member.eof:
                self._packed = self._member.unused_data.lstrip(b"\0") or self._packed
                self._member = zlib.decompressobj(wbits=31)
            if not self._packed:
                self._packed = self._file.read(2**18)
                if not self._packed:
                    return b""
            try:
                data = self._member.decompress(self._packed, size)
            except zlib.error as error:
                raise LogFormatError(f"{self._path}: damaged gzip data: {error}") from error
            self._packed = self._member.unconsumed_tail
            if data:
                return data

    def close(self) -> None:
        self._file.close()


def open_stream(path: Path) -> Stream:
    """The unpacked content from its start; raises OSError."""
    file: BinaryIO = open(path, "rb", opener=regular)  # noqa: SIM115  # closed by its user
    magic = file.read(2)
    file.seek(0)
    return GzipStream(file, path) if magic == _GZIP_MAGIC else file


def open_after(path: Path, known: Fingerprint, offset: int, *, whole: bool, turn: int) -> Stream:
    """The content from `offset` on when what was read before is still there; else ContentChanged.

    Checks all of it where it is small or `whole` says so, otherwise head, end
    and one part in `turn`. Raises OSError when the file cannot be read.
    """
    stream = open_stream(path)
    try:
        if isinstance(stream, GzipStream):
            stream = _skip_checked(path, stream, known, offset)
        else:
            _check_parts(stream, known, whole=whole, turn=turn)
            skip_to(stream, offset)
    except BaseException:
        stream.close()
        raise
    return stream


class ContentChanged(Exception):
    """The file no longer begins with what was read from it."""


def _check_parts(stream: Stream, known: Fingerprint, *, whole: bool, turn: int) -> None:
    file: BinaryIO = stream  # type: ignore[assignment]  # whole files are never zipped
    if os.fstat(file.fileno()).st_size < known.length:
        raise ContentChanged
    for block in known.blocks_to_check(whole=whole, turn=turn):
        file.seek(block * BLOCK)
        if not known.matches(block, file.read(min(BLOCK, known.length - block * BLOCK))):
            raise ContentChanged


def _skip_checked(path: Path, stream: Stream, known: Fingerprint, offset: int) -> Stream:
    seen = Fingerprint()
    while seen.length < known.length:
        data = stream.read(min(BLOCK, known.length - seen.length))
        if not data:
            raise ContentChanged
        seen.update(seen.length, data)
    if not known.go_on_from(seen):
        raise ContentChanged
    if offset == known.length:
        return stream
    stream.close()
    stream = open_stream(path)
    skip_to(stream, offset)
    return stream


def skip_to(stream: Stream, offset: int) -> bool:
    """Move a stream that was just opened to an offset; False where it ends before."""
    if not isinstance(stream, GzipStream):
        stream.seek(offset)  # type: ignore[attr-defined]  # a plain file
        return True
    remaining = offset
    while remaining and (data := stream.read(min(BLOCK, remaining))):
        remaining -= len(data)
    return not remaining


def whole_lines(
    stream: Stream, offset: int, seen: Fingerprint, size: int = BLOCK
) -> Iterator[Chunk | LongLine]:
    """Whole lines from `offset` on, about `size` bytes at once; an unfinished last line waits.

    `seen` takes up what is given out.
    """
    pending = b""
    while data := stream.read(size):
        data = pending + data
        cut = data.rfind(b"\n") + 1
        if len(data) - cut > MAX_LINE:
            yield from _chunk(offset, data[:cut], seen)
            offset += cut
            end = _pass_long_line(stream, offset, data[cut:], seen)
            if end is None:
                return
            line, pending = end
            yield line
            offset += line.length + 1
            continue
        yield from _chunk(offset, data[:cut], seen)
        offset += cut
        pending = data[cut:]
    cut = pending.rfind(b"\n") + 1
    yield from _chunk(offset, pending[:cut], seen)


def _chunk(offset: int, data: bytes, seen: Fingerprint) -> Iterator[Chunk]:
    if data:
        seen.update(offset, data)
        yield Chunk(offset, data)


def _pass_long_line(
    stream: Stream, offset: int, start: bytes, seen: Fingerprint
) -> tuple[LongLine, bytes] | None:
    """Hash a long line up to its end; what follows it in the last piece comes along."""
    digest = hashlib.sha256(start)
    seen.update(offset, start)
    length = len(start)
    while data := stream.read(BLOCK):
        end = data.find(b"\n")
        part = data if end < 0 else data[:end]
        digest.update(part)
        seen.update(offset + length, part)
        length += len(part)
        if end >= 0:
            seen.update(offset + length, b"\n")
            return LongLine(offset, length, digest.hexdigest()), data[end + 1 :]
    return None


def line_at(path: Path, offset: int, length: int) -> bytes | None:
    """The bytes that stand there now; None where the file is gone or too short."""
    try:
        stream = open_stream(path)
        try:
            content = b""
            if skip_to(stream, offset):
                while len(content) < length and (part := stream.read(length - len(content))):
                    content += part
        finally:
            stream.close()
    except (OSError, LogFormatError):
        return None
    return content if len(content) == length else None
