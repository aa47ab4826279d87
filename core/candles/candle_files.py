"""Candle files: CSV or Parquet, any column order, every bad row named."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.candles.columns import HEADERLESS, Columns, find_columns
from core.errors import CandleError
from core.market import OHLCV
from core.number_text import numbers as parse_numbers
from core.time_text import NOT_A_TIME, times_us
from core.times import Timeframe, index_from_us, to_us


@dataclass(frozen=True, slots=True)
class CandlePull:
    """What one file or one answer of an exchange says.

    candles: candle_open (UTC), open, high, low, close, volume in the order of
    the rows (a candle may stand twice). not_closed: rows whose candle was still
    open when they were pulled. problems: rows left out, one sentence each.
    """

    origin: str
    candles: pd.DataFrame
    not_closed: pd.DataFrame
    problems: tuple[str, ...]


def read_candle_file(
    path: Path, *, timeframe: Timeframe, candle_open: str | None, zone: str, now: datetime
) -> CandlePull:
    """Read one file; raises CandleError when it cannot be used at all.

    A row is left out, with file, line, value and remedy, when it is no whole
    candle of this timeframe. A row counts as not closed when its candle was
    still open at `now`, or (last row) when the file was last written.
    """
    header, rows, lines = _read_rows(path)
    columns = find_columns(str(path), header, candle_open)
    opens = _candle_opens(path, rows, columns, timeframe, zone)
    numbers = _numbers(rows, columns)
    problems = _problems(path, rows, lines, columns, opens, numbers, timeframe)
    is_good = np.array([problem is None for problem in problems], dtype=bool)
    frame = candle_frame(opens[is_good], numbers[is_good])
    is_open = _is_not_closed(path, frame, timeframe, now)
    return CandlePull(
        origin=path.name,
        candles=frame[~is_open].reset_index(drop=True),
        not_closed=frame[is_open].reset_index(drop=True),
        problems=tuple(problem for problem in problems if problem is not None),
    )


def candle_frame(opens_us: npt.NDArray[np.int64], numbers: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Stored microseconds and an n × 5 matrix → candles as every candle frame has them."""
    frame = pd.DataFrame(numbers, columns=list(OHLCV))
    frame.insert(0, "candle_open", index_from_us(opens_us))
    return frame


def _read_rows(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, data rows as text, and the line each stands in (1 is the first)."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return _read_parquet(path)
        return _read_csv(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CandleError(f"{path}: cannot be read: {error}") from error


def _read_csv(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(file, delimiter=delimiter)
        rows, lines = [], []
        for row in reader:
            if row and any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(reader.line_num)
    if not rows:
        raise CandleError(f"{path}: empty file; remove it or pull it again")
    if len(rows[0]) >= len(HEADERLESS) and np.isfinite(parse_numbers(rows[0][:6])).all():
        return [*HEADERLESS, *(f"_{i}" for i in range(len(rows[0]) - 6))], rows, lines
    return rows[0], rows[1:], lines[1:]


def _read_parquet(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    try:
        frame = pd.read_parquet(path)
    except ValueError as error:  # pyarrow's own errors derive from it
        raise CandleError(f"{path}: cannot be read as Parquet: {error}") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=frame.index.name or "timestamp")
    cells = {name: _texts(frame[name]) for name in frame.columns}
    rows = [list(row) for row in zip(*cells.values(), strict=True)]
    return [str(name) for name in frame.columns], rows, list(range(1, len(rows) + 1))


def _texts(values: pd.Series) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(values):
        return [value.isoformat() if value is not pd.NaT else "" for value in values]
    if pd.api.types.is_float_dtype(values):
        return [repr(value) for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def _candle_opens(
    path: Path, rows: Sequence[Sequence[str]], columns: Columns, timeframe: Timeframe, zone: str
) -> npt.NDArray[np.int64]:
    """The candle opens by the first candidate that reads as times of this timeframe."""
    best, best_fit = np.full(len(rows), NOT_A_TIME), (0.0, 0.0)
    for position in columns.times:
        texts = [row[position] if position < len(row) else "" for row in rows]
        opens = times_us(texts, ZoneInfo(zone))
        fit = _fit(opens, timeframe)
        if fit > best_fit:
            best, best_fit = opens, fit
    _check_step(path, best, timeframe)
    return best


def _fit(opens: npt.NDArray[np.int64], timeframe: Timeframe) -> tuple[float, float]:
    """Share of the rows that are candle opens of this timeframe, and share that are times."""
    if not len(opens):
        return 0.0, 0.0
    is_time = opens != NOT_A_TIME
    on_grid = is_time & (opens % timeframe.length_us == 0)
    return float(on_grid.mean()), float(is_time.mean())


def _check_step(path: Path, opens: npt.NDArray[np.int64], timeframe: Timeframe) -> None:
    """Raise CandleError when the candles are of another length than the bot's."""
    known = np.unique(opens[opens != NOT_A_TIME])
    steps, counts = np.unique(np.diff(known), return_counts=True)
    if len(known) < 3 or 2 * counts.max() <= counts.sum():
        return
    usual_s = int(steps[np.argmax(counts)]) / 1_000_000
    if usual_s != timeframe.length_s:
        raise CandleError(
            f"{path}: its candles are {usual_s:g} s apart, but the bot's timeframe is "
            f"{timeframe.text} ({timeframe.length_s} s); give the file of that timeframe"
        )


def _numbers(rows: Sequence[Sequence[str]], columns: Columns) -> npt.NDArray[np.float64]:
    matrix = np.empty((len(rows), len(OHLCV)))
    for k, position in enumerate(columns.numbers):
        matrix[:, k] = parse_numbers([row[position] if position < len(row) else "" for row in rows])
    return matrix


def _problems(
    path: Path,
    rows: Sequence[Sequence[str]],
    lines: Sequence[int],
    columns: Columns,
    opens: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.float64],
    timeframe: Timeframe,
) -> list[str | None]:
    """For each row why it is no candle, or None."""
    is_bad = (opens == NOT_A_TIME) | (opens % timeframe.length_us != 0) | ~is_whole(numbers)
    problems: list[str | None] = [None] * len(rows)
    for i in np.flatnonzero(is_bad).tolist():
        row = rows[i]
        reason = _reason(row, columns, int(opens[i]), numbers[i], timeframe)
        problems[i] = f"{path}:{lines[i]}: {reason}"
    return problems


def is_whole(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Rows (open, high, low, close, volume) that can be a candle: finite, high at the top."""
    open_, high, low, close, volume = numbers.T
    with np.errstate(invalid="ignore"):
        inside = (high >= np.maximum(open_, close)) & (low <= np.minimum(open_, close))
        return np.asarray(np.isfinite(numbers).all(axis=1) & inside & (volume >= 0))


def _reason(
    row: Sequence[str],
    columns: Columns,
    open_us: int,
    numbers: npt.NDArray[np.float64],
    timeframe: Timeframe,
) -> str:
    last = max(*columns.times, *columns.numbers)
    if len(row) <= last:
        return f"{len(row)} cells, too few for a candle; complete the row or delete it"
    if open_us == NOT_A_TIME:
        return f'"{row[columns.times[0]]}" is no time; write ISO text or an epoch'
    if open_us % timeframe.length_us:
        return f'"{row[columns.times[0]]}" is not on the grid of {timeframe.text} candles'
    for k, name in enumerate(OHLCV):
        if not np.isfinite(numbers[k]):
            return f'{name} "{row[columns.numbers[k]]}" is no finite number; pull the candle again'
    if numbers[4] < 0:
        return f"volume {numbers[4]:g} is negative; pull the candle again"
    return (
        f"high {numbers[1]:g} and low {numbers[2]:g} do not enclose open {numbers[0]:g} "
        f"and close {numbers[3]:g}; pull the candle again"
    )


def _is_not_closed(
    path: Path, frame: pd.DataFrame, timeframe: Timeframe, now: datetime
) -> npt.NDArray[np.bool_]:
    """Rows whose candle had not closed: at `now`, and for the newest when the file was written.

    The time of writing is believed only when it falls inside the newest candle:
    copied files keep any time at all.
    """
    opens = frame["candle_open"].to_numpy("datetime64[us]").astype("int64")
    is_open = opens + timeframe.length_us > to_us(now)
    if len(opens) and not is_open.any():
        written_us = path.stat().st_mtime_ns // 1000
        newest = int(opens.max())
        if newest <= written_us < newest + timeframe.length_us:
            is_open = opens == newest
    return np.asarray(is_open)
