"""Bytes → records: one line each, or several where a quoted field holds line ends."""

import csv
from dataclasses import dataclass

from core.feature_log.cells import LineError
from core.tailing.stream import MAX_LINE

MAX_QUOTED_LINES = 1000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands in the file, its last line end left out."""

    line: int  # number of its first physical line, from 1
    offset: int
    raw: bytes
    lines: int = 1  # physical lines


def split_cells(raw: bytes) -> list[str]:
    """The fields of a record; raises LineError when it is no text or its quotes do not close."""
    if raw.endswith(b"\r"):
        raw = raw[:-1]
    raw = raw.removeprefix(_BOM)
    if b"\0" in raw:
        raise LineError("nul_byte", f"byte {raw.index(0)} of the line is NUL")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise LineError("encoding", f"byte {error.start} of the line is not UTF-8") from error
    if b'"' not in raw:
        return text.split(",")
    if quote_open_at_end(raw):
        raise LineError("unclosed_quote", "a quoted field is not closed")
    try:
        # One text, not a stream of lines: a stray line end is an error, never the end of the row.
        return next(csv.reader([text]))
    except csv.Error as error:
        raise LineError("malformed", f"not readable as CSV: {error}") from error


def is_blank(raw: bytes) -> bool:
    return not raw.removeprefix(_BOM).strip(b" \t\r")


def quote_open_at_end(raw: bytes, *, is_open: bool = False) -> bool:
    """Whether a quoted field is still open where these bytes end."""
    at = raw.find(b'"')
    while at >= 0:
        if is_open:
            if raw[at + 1 : at + 2] == b'"':
                at += 1
            else:
                is_open = False
        elif at == 0 or raw[at - 1 : at] == b"," or raw[:at] == _BOM:
            is_open = True
        at = raw.find(b'"', at + 1)
    return is_open


def join_quoted(
    lines: list[bytes], offset: int, line: int, width: int | None, *, is_last: bool
) -> list[Record]:
    """Whole physical lines → records; what waits for the rest of a quoted field is left out.

    A quote that is not closed before a line that stands on its own (`width`
    fields) is a stray one: its line is a record alone. The same after
    MAX_QUOTED_LINES lines or MAX_LINE bytes, and (`is_last`) when no line that
    could close it follows.
    """
    records: list[Record] = []
    at = 0
    while at < len(lines):
        count = _quoted_length(lines, at, width, is_last) if b'"' in lines[at] else 1
        if count is None:
            break
        raw = b"\n".join(lines[at : at + count])
        records.append(Record(line + at, offset, raw, count))
        offset += len(raw) + 1
        at += count
    return records


def _quoted_length(lines: list[bytes], at: int, width: int | None, is_last: bool) -> int | None:
    """How many lines the record at `at` spans; None when its end is not there yet."""
    is_open = quote_open_at_end(lines[at])
    size = len(lines[at])
    end = at + 1
    while is_open:
        if end - at >= MAX_QUOTED_LINES or size > MAX_LINE:
            return 1
        if end == len(lines):
            return 1 if is_last else None
        if _stands_alone(lines[end], width):
            return 1
        size += len(lines[end]) + 1
        is_open = quote_open_at_end(lines[end], is_open=True)
        end += 1
    return end - at


def _stands_alone(line: bytes, width: int | None) -> bool:
    if width is None or width < 3 or line.count(b",") + 1 < width:
        return False
    try:
        return len(split_cells(line)) == width
    except LineError:
        return False
