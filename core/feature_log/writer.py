"""What a trading bot imports, or copies, to log its features: one file, standard library only.

    log = FeatureLogWriter("logs/features")
    log.write(candle_open, features, long=0.81, short=0.03, price=103_834.6)

One row a candle, one flushed write a row. Floats are written so that they read
back bit for bit, times as UTC and epoch milliseconds. A new set of columns gets
a file of its own with its own header, so a row never stands under a header that
does not describe it. Nothing here ever raises into the bot: `write` returns
False, `last_error` says why, and the standard logger "align.feature_log" is told.
"""

import csv
import io
import logging
import os
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

LOGGER = logging.getLogger("align.feature_log")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_SECONDS_END = 100_000_000_000  # a number below is epoch seconds, one above milliseconds
_OWN = ("time", "timestamp", "logged_at")  # what the writer itself fills in


class Row(Protocol):
    """A dict, a pandas Series, or anything else with named values."""

    def items(self) -> Any: ...


class FeatureLogWriter:
    """Appends rows to `<folder>/<prefix>_<UTC day>.csv`; safe to share between threads."""

    def __init__(self, folder: str | os.PathLike[str], prefix: str = "features") -> None:
        self.last_error: str | None = None
        self.errors = 0
        self._folder = folder
        self._prefix = prefix
        self._lock = threading.Lock()
        self._files: dict[tuple[str, frozenset[str]], tuple[Path, list[str]]] = {}

    def write(
        self,
        candle_open: datetime | float,
        features: Row | Mapping[str, Any],
        *,
        long: float | None = None,
        short: float | None = None,
        price: float | None = None,
        bundle_hash: str | None = None,
        candles_seen: int | None = None,
        now: datetime | None = None,
    ) -> bool:
        """Log one closed candle; True when the row is written.

        candle_open: an aware time, a naive one (read as UTC), or epoch ms / s.
        features: name -> number, bool, text or None, the candle's open, high,
        low, close, volume included where known. long, short: the probabilities
        the bot acted on; price: the price it saw; bundle_hash: the models that
        scored; candles_seen: how many closed candles the features rest on.
        """
        try:
            known = {
                "long": long,
                "short": short,
                "price": price,
                "bundle_hash": bundle_hash,
                "candles_seen": candles_seen,
            }
            with self._lock:
                self._write(candle_open, features, known, now or datetime.now(UTC))
        except Exception as error:  # the bot trades on, whatever happens to its log
            self._files = {}  # look at the file again: its last line may be half written now
            self._report(error)
            return False
        return True

    def _write(
        self, candle_open: datetime | float, features: Any, known: dict[str, Any], now: datetime
    ) -> None:
        opened_ms = epoch_ms(candle_open)
        cells = {"time": str(opened_ms), "timestamp": _utc_text(opened_ms)}
        for name, value in features.items():
            if str(name) not in _OWN:
                cells[str(name)] = cell(value)
        cells.update((name, cell(value)) for name, value in known.items() if value is not None)
        logged = now.astimezone(UTC)
        cells["logged_at"] = logged.isoformat()
        path, columns = self._file(f"{logged:%Y%m%d}", cells)
        _append(path, _line([cells[name] for name in columns]))

    def _file(self, day: str, cells: dict[str, str]) -> tuple[Path, list[str]]:
        """The day's file for this set of columns; found again after a restart, or begun."""
        key = (day, frozenset(cells))
        held = self._files.get(key)
        if held is None or not held[0].exists():
            held = self._find_or_begin(day, cells)
            self._files = {known: file for known, file in self._files.items() if known[0] == day}
            self._files[key] = held
        return held

    def _find_or_begin(self, day: str, cells: dict[str, str]) -> tuple[Path, list[str]]:
        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            tail = "" if number == 1 else f"_{number}"
            path = folder / f"{self._prefix}_{day}{tail}.csv"
            if not path.exists() or path.stat().st_size == 0:
                _append(path, _line(list(cells)))
                return path, list(cells)
            columns = _header(path)
            if len(columns) == len(cells) and set(columns) == set(cells):
                _close_last_line(path)
                return path, columns
            number += 1

    def _report(self, error: Exception) -> None:
        self.errors += 1
        self.last_error = f"{type(error).__name__}: {error}"
        try:
            LOGGER.error("candle not logged: %s", self.last_error)
        except Exception:  # a broken log handler is no reason to stop trading either
            self.last_error += " (and logging failed)"


def epoch_ms(moment: datetime | float) -> int:
    """Milliseconds since 1970 UTC of a time, or of epoch seconds or milliseconds."""
    if isinstance(moment, datetime):
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return (aware - _EPOCH) // _MS
    number = float(moment)
    return round(number * 1000) if abs(number) < _SECONDS_END else round(number)


def cell(value: Any) -> str:
    """A value as text that reads back equal; None is an empty field."""
    if hasattr(value, "item") and not isinstance(value, str):  # numpy and pandas scalars
        value = value.item()
    if value is None or str(value) in ("NaT", "<NA>"):
        return ""
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def _utc_text(ms: int) -> str:
    return f"{_EPOCH + ms * _MS:%Y-%m-%d %H:%M:%S}"


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return next(csv.reader(file), [])


def _close_last_line(path: Path) -> None:
    """End a line that a crash left half written, so that the next row starts on its own."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        whole = file.read(1) == b"\n"
    if not whole:
        _append(path, b"\n")


def _append(path: Path, line: bytes) -> None:
    """One write of one whole line, in the hands of the operating system when this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        written = os.write(handle, line)
        if written != len(line):
            raise OSError(f"{path}: only {written} of {len(line)} bytes fitted; is the disk full?")
    finally:
        os.close(handle)
