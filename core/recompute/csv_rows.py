"""Rows of an exported CSV file, with their line numbers; bad lines are named, the rest is kept."""

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import LogFormatError
from core.regular_file import regular, stamp

_NAMED = 20
_CHUNK = 5000
_MAX_LINE = 64 * 1024 * 1024


@dataclass
class BadLines:
    """How many lines could not be used, and what was wrong with the first of them."""

    path: Path
    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, message: str) -> None:
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append((line, message))

    @property
    def messages(self) -> list[str]:
        """file:line: message, in the file's order."""
        return [f"{self.path}:{line}: {message}" for line, message in sorted(self.first)]


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: the numbers of their lines and their fields."""

    lines: list[int]
    rows: list[list[str]]


def content_state(path: Path) -> dict[str, Any]:
    """sha256 of a file with what tells cheaply that it did not change; raises LogFormatError."""
    try:
        with open(path, "rb", opener=regular) as file:
            status = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LogFormatError(f"{path}: cannot be read: {error.strerror}") from error
    return {"sha256": digest, "stat": stamp(status)}


def is_untouched(path: Path, state: dict[str, Any] | None) -> bool:
    """Whether the file's stamp is that of the state."""
    if state is None:
        return False
    try:
        return bool(stamp(path.stat()) == state["stat"])
    except OSError:
        return False


def read_header(path: Path) -> list[str]:
    """Column names; raises LogFormatError when there are none."""
    for _, fields in _lines(path):
        return [name.strip() for name in fields]
    raise LogFormatError(f"{path}: is empty; a header and rows are expected")


def read_chunks(path: Path, bad: BadLines) -> Iterator[Chunk]:
    """Rows as wide as the header, in chunks; others are bad lines. Blank lines do not count."""
    header: list[str] | None = None
    chunk = Chunk([], [])
    for line, fields in _lines(path):
        if header is None:
            header = fields
        elif fields == header:
            continue  # written again when the exporter was started again
        elif len(fields) != len(header):
            bad.add(line, f"{len(fields)} fields, the header has {len(header)}")
        else:
            chunk.lines.append(line)
            chunk.rows.append(fields)
        if len(chunk.lines) == _CHUNK:
            yield chunk
            chunk = Chunk([], [])
    if chunk.lines:
        yield chunk


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not blank; raises LogFormatError."""
    previous = csv.field_size_limit(_MAX_LINE)
    try:
        with open(path, encoding="utf-8-sig", errors="replace", newline="", opener=regular) as file:
            for number, text in enumerate(file, start=1):
                stripped = text.rstrip("\r\n")
                if stripped.strip():
                    yield number, next(csv.reader([stripped.replace("\0", "")]))
    except OSError as error:
        raise LogFormatError(f"{path}: cannot be read: {error.strerror}") from error
    finally:
        csv.field_size_limit(previous)
