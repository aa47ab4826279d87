"""Candle files: CSV or Parquet, any column order, every bad row named."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.candles.columns import HEADERLESS, Columns, find_columns
from core.errors import CandleError
from core.foreign_text import cut_short
from core.market import OHLCV
from core.number_text import numbers as parse_numbers
from core.regular_file import regular
from core.time_text import NOT_A_TIME, times_us
from core.times import Timeframe, index_from_us, to_us

_PROBLEMS_KEPT = 20  # of one file, as sentences; a million of them say no more
_SHOWN_CHARS = 40  # of a value in such a sentence
_BLANK = ' ,;\t\r\n"'  # a line of nothing else holds no row
_PIECE_ROWS = 50_000  # rows of text in memory at once, some 30 MB


@dataclass(frozen=True, slots=True)
class CandlePull:
    """What one file or one answer of an exchange says.

    candles: candle_open (UTC), open, high, low, close, volume in the order of
    the rows (a candle may stand twice). not_closed: rows whose candle was still
    open when they were pulled. problems: rows left out, one sentence each for
    the first of them, and how many more.
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
    columns: Columns | None = None
    time_at = -1
    opens, numbers, more = [], [], 0
    problems: list[str] = []
    for piece in _pieces(path):
        if columns is None:
            columns = find_columns(str(path), piece.header, candle_open)
            time_at = _time_column(piece.rows, columns, timeframe, zone)
        piece_opens = times_us(_column(piece.rows, time_at), ZoneInfo(zone))
        piece_numbers = _numbers(piece.rows, columns)
        is_bad = (
            (piece_opens == NOT_A_TIME)
            | (piece_opens % timeframe.length_us != 0)
            | ~is_whole(piece_numbers)
        )
        bad = np.flatnonzero(is_bad).tolist()
        shown = bad[: _PROBLEMS_KEPT - len(problems)]
        more += len(bad) - len(shown)
        for i in shown:
            reason = _reason(
                piece.rows[i], columns, time_at, int(piece_opens[i]), piece_numbers[i], timeframe
            )
            problems.append(f"{path}:{piece.lines[i]}: {reason}")
        opens.append(piece_opens)
        numbers.append(np.where(is_bad[:, None], np.nan, piece_numbers))
    if more:
        problems.append(f"… and {more} more rows of this file")
    every = np.concatenate(opens)
    whole = np.concatenate(numbers)
    _check_step(path, every, timeframe)
    is_good = ~np.isnan(whole).any(axis=1)
    frame = candle_frame(every[is_good], whole[is_good])
    is_open = _is_not_closed(path, frame, timeframe, now)
    return CandlePull(
        origin=path.name,
        candles=frame[~is_open].reset_index(drop=True),
        not_closed=frame[is_open].reset_index(drop=True),
        problems=tuple(problems),
    )


def candle_frame(opens_us: npt.NDArray[np.int64], numbers: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Stored microseconds and an n × 5 matrix → candles as every candle frame has them."""
    frame = pd.DataFrame(numbers, columns=list(OHLCV))
    frame.insert(0, "candle_open", index_from_us(opens_us))
    return frame


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some rows of a file as text, with the line each stands in (1 is the first)."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def _pieces(path: Path) -> Iterator[_Piece]:
    """At least one piece, in bounded memory; raises CandleError."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            yield from _parquet_pieces(path)
        else:
            yield from _csv_pieces(path)
    except OSError as error:
        reason = error.strerror or cut_short(str(error))
        raise CandleError(f"{path}: cannot be read: {reason}") from error


def _csv_pieces(path: Path) -> Iterator[_Piece]:
    """Every line stands alone: behind a stray quote, the csv module would swallow the others."""
    with open(path, encoding="utf-8-sig", errors="replace", newline="", opener=regular) as file:
        filled = ((line, number) for number, line in enumerate(file, 1) if line.strip(_BLANK))
        first, line = next(filled, ("", 0))
        if not first:
            raise CandleError(f"{path}: empty file; remove it or pull it again")
        if "\ufffd" in first:
            raise CandleError(f"{path}: cannot be read: its first line is no UTF-8 text")
        delimiter = max(",;\t", key=first.count)
        header, rows, lines = _cells(first, delimiter), [], []
        if len(header) >= len(HEADERLESS) and np.isfinite(parse_numbers(header[:6])).all():
            rows, lines = [header], [line]
            header = [*HEADERLESS, *(f"_{i}" for i in range(len(header) - 6))]
        for text, line in filled:
            rows.append(_cells(text, delimiter))
            lines.append(line)
            if len(rows) == _PIECE_ROWS:
                yield _Piece(header, rows, lines)
                rows, lines = [], []
        yield _Piece(header, rows, lines)


def _cells(line: str, delimiter: str) -> list[str]:
    """The fields of one line; none where it cannot be read as CSV."""
    if '"' not in line:
        return line.rstrip("\r\n").split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        return []


def _parquet_pieces(path: Path) -> Iterator[_Piece]:
    import pyarrow.parquet as pq

    line = 1
    try:
        with open(path, "rb", opener=regular) as raw, pq.ParquetFile(raw) as file:
            schema = file.schema_arrow.empty_table().to_pandas()
            for batch in file.iter_batches(_PIECE_ROWS):
                piece = _parquet_piece(batch.to_pandas(), line)
                line += len(piece.rows)
                yield piece
            if line == 1:
                yield _parquet_piece(schema, 1)
    except ValueError as error:  # pyarrow's own errors derive from it
        raise CandleError(f"{path}: cannot be read as Parquet: {cut_short(str(error))}") from error


def _parquet_piece(frame: pd.DataFrame, line: int) -> _Piece:
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=frame.index.name or "timestamp")
    cells = {name: _texts(frame[name]) for name in frame.columns}
    rows = [list(row) for row in zip(*cells.values(), strict=True)]
    lines = list(range(line, line + len(rows)))
    return _Piece([str(name) for name in frame.columns], rows, lines)


def _texts(values: pd.Series) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(values):
        return [value.isoformat() if value is not pd.NaT else "" for value in values]
    if pd.api.types.is_float_dtype(values):
        return [repr(value) for value in values.tolist()]
    return [str(value) for value in values.tolist()]


def _time_column(
    rows: Sequence[Sequence[str]], columns: Columns, timeframe: Timeframe, zone: str
) -> int:
    """The first candidate that reads best as times of this timeframe, by the first piece."""
    best, best_fit = columns.times[0], (0.0, 0.0)
    for position in columns.times:
        fit = _fit(times_us(_column(rows, position), ZoneInfo(zone)), timeframe)
        if fit > best_fit:
            best, best_fit = position, fit
    return best


def _column(rows: Sequence[Sequence[str]], position: int) -> list[str]:
    return [row[position] if position < len(row) else "" for row in rows]


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
        matrix[:, k] = parse_numbers(_column(rows, position))
    return matrix


def is_whole(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Rows (open, high, low, close, volume) that can be a candle: finite, high at the top."""
    open_, high, low, close, volume = numbers.T
    with np.errstate(invalid="ignore"):
        inside = (high >= np.maximum(open_, close)) & (low <= np.minimum(open_, close))
        return np.asarray(np.isfinite(numbers).all(axis=1) & inside & (volume >= 0))


def _reason(
    row: Sequence[str],
    columns: Columns,
    time_at: int,
    open_us: int,
    numbers: npt.NDArray[np.float64],
    timeframe: Timeframe,
) -> str:
    last = max(*columns.times, *columns.numbers)
    if len(row) <= last:
        return f"{len(row)} cells, too few for a candle; complete the row or delete it"
    time = row[time_at][:_SHOWN_CHARS]
    if open_us == NOT_A_TIME:
        return f'"{time}" is no time; write ISO text or an epoch'
    if open_us % timeframe.length_us:
        return f'"{time}" is not on the grid of {timeframe.text} candles'
    for k, name in enumerate(OHLCV):
        if not np.isfinite(numbers[k]):
            value = row[columns.numbers[k]][:_SHOWN_CHARS]
            return f'{name} "{value}" is no finite number; pull the candle again'
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
