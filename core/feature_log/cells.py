"""Bytes → records of fields, and what the text of one field means.

A record is one line, or several where a quoted field holds line ends. A field is a
number, a truth value, nothing, a time or text: the same for every reader of feature
logs (docs/feature_log.md).
"""

import csv
import math
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from core.number_text import number
from core.tailing.stream import MAX_LINE
from core.time_text import TimeTextError, time_us

EMPTY = ("", "None", "none", "null", "NULL", "NA", "N/A", "NaT", "<NA>")
NOT_A_NUMBER = ("nan", "NaN", "NAN", "-nan", "-NaN")
_WORDS = {
    **dict.fromkeys(EMPTY + NOT_A_NUMBER, math.nan),
    **dict.fromkeys(("True", "true", "TRUE"), 1.0),
    **dict.fromkeys(("False", "false", "FALSE"), 0.0),
}
EXACT_INTEGERS = 2.0**53  # beyond, a float64 no longer holds every integer
MAX_QUOTED_LINES = 1000
FEWEST_FIELDS = 3  # a time and two numbers; prose has two commas a line often enough
_BOM = b"\xef\xbb\xbf"


class LineError(Exception):
    """A line that cannot be taken as it stands; data, kept with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason  # a code: bad_time, off_grid, implausible, ...
        self.detail = detail  # one sentence with the value


def parse_cell(text: str) -> float | str:
    """The number a field holds (NaN where it is empty), or its text unchanged."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[4:5] == "-" == text[7:8] and text[:4].isdigit():
        return text  # a date: what most text fields hold
    try:
        value = number(text)
    except ValueError:
        pass
    else:
        return math.nan if value != value else value
    stripped = text.strip()
    return text if stripped == text or stripped not in _WORDS else _WORDS[stripped]


def parse_row(cells: list[str]) -> tuple[list[float], dict[int, str]]:
    """Numbers by position (NaN where text stands) and texts by position.

    An integer that a float64 cannot hold exactly keeps its text beside the number.
    """
    values: list[float] = []
    texts: dict[int, str] = {}
    for position, text in enumerate(cells):
        value = parse_cell(text)
        if isinstance(value, str):
            texts[position] = text
            value = math.nan
        elif abs(value) >= EXACT_INTEGERS and _is_inexact_integer(text, value):
            texts[position] = text
        values.append(value)
    return values, texts


def _is_inexact_integer(text: str, value: float) -> bool:
    digits = text.strip().lstrip("+-").lstrip("0")
    return digits.isdigit() and (math.isinf(value) or int(digits) != abs(int(value)))


def parse_time(text: str, zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC of a field, as core.time_text reads it; raises LineError."""
    try:
        return time_us(text, zone)
    except TimeTextError as error:
        raise LineError(error.reason, error.detail) from error


@dataclass(frozen=True, slots=True)
class Widths:
    """How many fields lines have by what is known of their file.

    headers: of each of its headers; before: of the record above, 0 where there is none.
    """

    headers: frozenset[int] = frozenset()
    before: int = 0

    @property
    def own(self) -> frozenset[int]:
        """Widths by which a line alone is a row, whatever stands around it."""
        return self.headers | {self.before} - {0}

    @property
    def least(self) -> int:
        """From here on two lines of one width are rows: text in a field has fewer commas."""
        return max(FEWEST_FIELDS, max(self.headers, default=0) // 2)


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
    lines: list[bytes], offset: int, line: int, widths: Widths, *, is_last: bool
) -> list[Record]:
    """Whole physical lines → records; what waits for the rest of a quoted field is left out.

    A quote that is not closed before a line that stands on its own is a stray one: its line
    is a record alone. A line stands on its own that has as many fields as a header of its file,
    as the record before the quote, or as the line above it inside the stretch. The same after
    MAX_QUOTED_LINES lines or MAX_LINE bytes, and (`is_last`) when no line that could close
    it follows.
    """
    records: list[Record] = []
    at = 0
    while at < len(lines):
        count = _quoted_length(lines, at, widths, is_last) if b'"' in lines[at] else 1
        if count is None:
            break
        raw = b"\n".join(lines[at : at + count])
        records.append(Record(line + at, offset, raw, count))
        widths = replace(widths, before=_width(raw) or widths.before)
        offset += len(raw) + 1
        at += count
    return records


def _quoted_length(lines: list[bytes], at: int, widths: Widths, is_last: bool) -> int | None:
    """How many lines the record at `at` spans; None when its end is not there yet."""
    is_open = quote_open_at_end(lines[at])
    size = len(lines[at])
    end, above = at + 1, 0
    while is_open:
        if end - at >= MAX_QUOTED_LINES or size > MAX_LINE:
            return 1
        if end == len(lines):
            return 1 if is_last else None
        width = _width(lines[end])
        if width in widths.own or (width == above and width >= widths.least):
            return 1
        above = width
        size += len(lines[end]) + 1
        is_open = quote_open_at_end(lines[end], is_open=True)
        end += 1
    return end - at


def _width(raw: bytes) -> int:
    """How many fields it has; 0 where it cannot be read, and of fewer than any log has."""
    if raw.count(b",") + 1 < FEWEST_FIELDS:
        return 0
    try:
        return len(split_cells(raw))
    except LineError:
        return 0
