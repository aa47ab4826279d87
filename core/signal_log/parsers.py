"""One parser a format: whole lines of a file → entries; lines that are no signal are left out.

A parser's `state` is what it needs to go on where it was left (JSON).
"""

import csv
import hashlib
import json
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from core.errors import ConfigError, LogFormatError
from core.line_pattern import SlowPatternError, compile_pattern
from core.settings import SignalFormat, SignalLogSettings
from core.signal_log.candle_labels import label_open_us, moments_us
from core.signal_log.entry import Entry, Raw, Values, checked_open, read_values
from core.times import Timeframe

_RAW_CHARS = 4096
# What a pattern may take of one file in one pass: a log full of lines that each take a second
# would cost the cycle. A sound pattern takes a tenth of a second for a MiB.
_BUDGET_S = 5.0
_BUDGET_S_OF_A_BYTE = 2.0 / 2**20
_JSON = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=str)
_CUT = "the line holds a NUL byte: it was cut off while it was written"


class OutOfTime(LogFormatError):
    """The pattern took too long: `entries` are those of the first `lines` lines that were given."""

    def __init__(self, message: str, entries: list[Entry], lines: int) -> None:
        super().__init__(message)
        self.entries, self.lines = entries, lines


class Parser(Protocol):
    """Reads one file from wherever `state` says."""

    state: dict[str, Any]

    def parse(self, lines: Sequence[Raw]) -> list[Entry]: ...


def parser_for(
    log: SignalLogSettings, timeframe: Timeframe, state: dict[str, Any] | None = None
) -> Parser:
    """The parser of a log's format; raises ConfigError for a pattern that cannot be used."""
    if log.format is SignalFormat.TEXT:
        return TextParser(log, timeframe)
    if log.format is SignalFormat.CSV:
        return CsvParser(log, timeframe, state or {})
    if log.format is SignalFormat.JSONL:
        return JsonParser(log, timeframe)
    raise ConfigError(f'signal log "{log.name}": format {log.format} has no files')


class TextParser:
    """Lines of a text log by a pattern with named groups."""

    def __init__(self, log: SignalLogSettings, timeframe: Timeframe) -> None:
        try:
            self._pattern = compile_pattern(log.pattern or "")
        except ValueError as error:
            raise ConfigError(f'signal log "{log.name}": {error}') from error
        self._log, self._timeframe = log, timeframe
        self._searched_s, self._budget_s, self._slow_lines = 0.0, _BUDGET_S, 0
        self.state: dict[str, Any] = {}

    def parse(self, lines: Sequence[Raw]) -> list[Entry]:
        """Entries of the lines that are signals or look like one.

        Raises OutOfTime behind the line where the pattern has had its time for this file.
        """
        entries: list[Entry] = []
        signals: list[tuple[Raw, dict[str, str | None]]] = []
        read = 0
        for raw in lines:
            if self._searched_s > self._budget_s:
                break
            read += 1
            text = raw.text
            begin = time.perf_counter()
            try:
                groups = self._pattern.groups(text)
                is_broken = groups is None and self._pattern.looks_like_a_signal(text)
            except SlowPatternError as error:
                entries.append(rejected(raw, str(error)))
                self._slow_lines += 1
                continue
            finally:
                self._searched_s += time.perf_counter() - begin
                self._budget_s += len(raw.content) * _BUDGET_S_OF_A_BYTE
            if groups is not None and "\0" in text:
                entries.append(rejected(raw, _CUT))
            elif groups is not None:
                signals.append((raw, groups))
            elif is_broken:
                entries.append(rejected(raw, "looks like a signal, but the pattern does not match"))
        written = [groups.get("logged_at") or "" for _, groups in signals]
        times = moments_us(written, self._log.logged_at_zone)
        for (raw, groups), logged_at in zip(signals, times, strict=True):
            entries.append(self._entry(raw, groups, logged_at))
        entries.sort(key=lambda entry: entry.line)
        if read < len(lines):
            raise OutOfTime(self._out_of_time(lines[read].line), entries, read)
        return entries

    def _out_of_time(self, line: int) -> str:
        return (
            f"the pattern took {self._searched_s:.0f} s and came to no end on {self._slow_lines} "
            f"lines; the file waits from line {line} on for the next cycle; avoid repetitions "
            "inside repetitions, e.g. (a+)+"
        )

    def _entry(self, raw: Raw, groups: dict[str, str | None], logged_at: int | None) -> Entry:
        written = groups.get("logged_at")
        try:
            if written is not None and logged_at is None:
                raise ValueError(f'time of logging "{written[:40]}" cannot be read')
            opened = label_open_us(
                groups["label"] or "", self._log.label_zone, logged_at, self._timeframe
            )
            values = read_values(
                groups.get("long"), groups.get("short"), groups.get("price"), keeps_zeros=True
            )
        except ValueError as error:
            return rejected(raw, str(error), logged_at)
        return accepted(raw, opened, logged_at, values)


class _Fields(NamedTuple):
    """The texts of one record, before they are read."""

    raw: Raw
    candle_open: str
    logged_at: str | None
    long: str | None
    short: str | None
    price: str | None


class CsvParser:
    """Rows under a header, which may be repeated or change inside the file."""

    def __init__(self, log: SignalLogSettings, timeframe: Timeframe, state: dict[str, Any]) -> None:
        self._log, self._timeframe = log, timeframe
        self.state = dict(state)

    def parse(self, lines: Sequence[Raw]) -> list[Entry]:
        """Entries of all rows; raises LogFormatError when the header lacks the columns."""
        entries: list[Entry] = []
        fields: list[_Fields] = []
        for raw in lines:
            text = raw.text
            if not text.strip():
                continue
            if "\0" in text:
                entries.append(rejected(raw, _CUT))
                continue
            cells = _cells(text)
            if self._is_header(cells):
                self.state["header"] = cells
            elif "header" not in self.state:
                raise LogFormatError(self._wrong_header(cells))
            elif len(cells) != len(self.state["header"]):
                wanted = len(self.state["header"])
                entries.append(rejected(raw, f"{len(cells)} fields, the header has {wanted}"))
            else:
                fields.append(self._fields(raw, cells))
        entries += read_fields(fields, self._log, self._timeframe)
        return sorted(entries, key=lambda entry: entry.line)

    def _is_header(self, cells: list[str]) -> bool:
        log = self._log
        return log.candle_open in cells and (log.long in cells or log.short in cells)

    def _wrong_header(self, cells: list[str]) -> str:
        log = self._log
        return (
            f'the header has no column "{log.candle_open}" with "{log.long}" or "{log.short}" '
            f"(it has {', '.join(cells[:12])}); set candle_open, long and short of signal log "
            f'"{log.name}"'
        )

    def _fields(self, raw: Raw, cells: list[str]) -> _Fields:
        log = self._log
        named = dict(zip(self.state["header"], cells, strict=True))
        return _Fields(
            raw,
            named[log.candle_open],
            None if log.logged_at is None else named.get(log.logged_at),
            named.get(log.long),
            named.get(log.short),
            named.get(log.price),
        )


class JsonParser:
    """One JSON object a line; objects that carry none of the keys are other messages."""

    def __init__(self, log: SignalLogSettings, timeframe: Timeframe) -> None:
        self._log, self._timeframe = log, timeframe
        self.state: dict[str, Any] = {}

    def parse(self, lines: Sequence[Raw]) -> list[Entry]:
        """Entries of the lines that speak of signals, and of those that are no JSON object."""
        entries: list[Entry] = []
        fields: list[_Fields] = []
        for raw in lines:
            text = raw.text.strip()
            if not text:
                continue
            try:
                found = self._fields(raw, _json_object(text))
            except (ValueError, RecursionError) as error:
                entries.append(rejected(raw, str(error)))
                continue
            if found is not None:
                fields.append(found)
        entries += read_fields(fields, self._log, self._timeframe)
        return sorted(entries, key=lambda entry: entry.line)

    def _fields(self, raw: Raw, record: dict[str, Any]) -> _Fields | None:
        log = self._log
        if log.long not in record and log.short not in record:
            return None
        if log.candle_open not in record:
            raise ValueError(f'a signal without "{log.candle_open}"')
        return _Fields(
            raw,
            _json_text(record[log.candle_open]) or "",
            None if log.logged_at is None else _json_text(record.get(log.logged_at)),
            _json_text(record.get(log.long)),
            _json_text(record.get(log.short)),
            _json_text(record.get(log.price)),
        )


def read_fields(
    fields: Sequence[_Fields], log: SignalLogSettings, timeframe: Timeframe
) -> list[Entry]:
    """Records whose candle time is written out → entries."""
    opened = moments_us([entry.candle_open for entry in fields], log.zone)
    logged = moments_us([entry.logged_at or "" for entry in fields], log.logged_at_zone)
    entries = []
    for entry, us, logged_at in zip(fields, opened, logged, strict=True):
        try:
            candle_open = checked_open(us, entry.candle_open, timeframe)
            values = read_values(entry.long, entry.short, entry.price, keeps_zeros=False)
        except ValueError as error:
            entries.append(rejected(entry.raw, str(error), logged_at))
            continue
        entries.append(accepted(entry.raw, candle_open, logged_at, values))
    return entries


def accepted(raw: Raw, candle_open: int, logged_at: int | None, values: Values) -> Entry:
    """A line that says a signal."""
    return Entry(
        line=raw.line,
        sha256=_sha256(raw),
        raw=_kept(raw.text[:_RAW_CHARS]),
        candle_open=candle_open,
        logged_at=logged_at,
        values=values,
    )


def rejected(raw: Raw, reason: str, logged_at: int | None = None) -> Entry:
    """A line that should say a signal but does not."""
    return Entry(
        line=raw.line,
        sha256=_sha256(raw),
        raw=_kept(raw.text[:_RAW_CHARS]),
        logged_at=logged_at,
        reason=_kept(reason),
    )


def _kept(text: str) -> str:
    """The text as any database keeps it: NUL and lone halves of a character are replaced."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _sha256(raw: Raw) -> str:
    return hashlib.sha256(raw.content).hexdigest()


def _cells(text: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([text]))]
    except csv.Error:
        return []


def _json_object(text: str) -> dict[str, Any]:
    try:
        record = _JSON.decode(text)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not readable as JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


def _json_text(value: Any) -> str | None:
    """A JSON value as it was written; null is not known."""
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else json.dumps(value, default=str)
