"""Backtest signals (and features) that a trader exported to CSV.

A file is read when its content or its description in the configuration changed; the
stored series is then exactly what the file says, rows that it no longer has included.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.context import Context
from core.errors import ConfigError, LogFormatError
from core.market import SIDES, Origin
from core.number_text import number
from core.recompute.csv_rows import (
    BadLines,
    Chunk,
    content_state,
    is_untouched,
    read_chunks,
    read_header,
)
from core.recompute.reads import coverage_step, import_step
from core.recompute.writes import delete_backtest_rows, ensure_backtest_layout, store_backtest_rows
from core.settings import BacktestSettings
from core.signal_log.entry import digit_step, probability, reference_price
from core.signals.reads import KEYS, read_series
from core.signals.writes import delete_signals, ensure_series, upsert_signals
from core.storage.engine import snapshot
from core.storage.watermarks import forget_watermark, read_watermark, write_watermark
from core.time_text import NOT_A_TIME, times_us
from core.times import Timeframe, index_from_us

_BOOLEANS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, all 0 when nothing changed.

    `problems` names the first bad lines as file:line: message.
    """

    is_unchanged: bool
    signals: int = 0
    feature_rows: int = 0
    removed: int = 0
    bad_lines: int = 0
    problems: tuple[str, ...] = ()


def import_backtest(context: Context, backtest: BacktestSettings) -> ImportReport:
    """Make the stored 'backtest' series of this name what the exported files say.

    All in one transaction, and nothing at all when neither file nor configuration
    changed. Raises LogFormatError when a file cannot be read or lacks its columns.
    """
    if backtest.signals is None:
        raise ConfigError(f'backtest "{backtest.name}" has no signals file to import')
    bot_id, timeframe = context.bot_id, context.bot.frame
    step = import_step(backtest.name)
    with snapshot(context.engine) as connection:
        stored = read_watermark(connection, bot_id, step) or {}
    state = _state(backtest, stored)
    if _identity(state) == _identity(stored):
        return ImportReport(is_unchanged=True)
    bad: list[BadLines] = []
    signals = _signals(Path(backtest.signals), backtest, timeframe, bad)
    with context.engine.begin() as connection:
        series_id = ensure_series(connection, bot_id, Origin.BACKTEST, backtest.name)
        removed = _store_signals(connection, context, backtest.name, series_id, signals)
        delete_backtest_rows(connection, series_id)
        rows = 0
        if backtest.features is not None:
            path = Path(backtest.features)
            rows = _store_features(connection, context, backtest, path, series_id, bad)
        account: dict[str, Any] = {
            "signals": len(signals),
            "feature_rows": rows,
            "bad_lines": sum(lines.count for lines in bad),
            "problems": [message for lines in bad for message in lines.messages],
        }
        write_watermark(connection, bot_id, step, {**state, "account": dict(account)})
        forget_watermark(connection, bot_id, coverage_step(backtest.name))  # if ever recomputed
    problems = tuple(account.pop("problems"))
    return ImportReport(is_unchanged=False, removed=removed, problems=problems, **account)


def _state(backtest: BacktestSettings, stored: dict[str, Any]) -> dict[str, Any]:
    """What decides the content of the series, and cheap signs that the files are untouched."""
    state: dict[str, Any] = {"described": [backtest.candle_open, backtest.zone]}
    for kind, file in (("signals", backtest.signals), ("features", backtest.features)):
        if file is None:
            continue
        known = stored.get(kind)
        if known is None or known["path"] != file or not is_untouched(Path(file), known):
            known = {"path": file, **content_state(Path(file))}
        state[kind] = known
    return state


def _identity(state: dict[str, Any]) -> list[Any]:
    files = [state.get(kind, {}).get("sha256") for kind in ("signals", "features")]
    return [state.get("described"), *files]


def _timed_chunks(
    path: Path,
    backtest: BacktestSettings,
    timeframe: Timeframe,
    bad: BadLines,
) -> Iterator[tuple[Chunk, list[int | None]]]:
    """Chunks of a file with the candle open (stored µs) of each row, None where it is unusable.

    A candle that stands twice: the first row counts, the later one is a bad line.
    """
    header = read_header(path)
    if backtest.candle_open not in header:
        raise LogFormatError(
            f'{path}: no column "{backtest.candle_open}"; set candle_open of backtest '
            f'"{backtest.name}" to one of: {", ".join(header[:12])}'
        )
    place = header.index(backtest.candle_open)
    zone = ZoneInfo(backtest.zone)
    seen: set[int] = set()
    for chunk in read_chunks(path, bad):
        texts = [row[place] for row in chunk.rows]
        opens: list[int | None] = []
        for line, text, us in zip(chunk.lines, texts, times_us(texts, zone).tolist(), strict=True):
            problem = None
            if us == NOT_A_TIME:
                problem = f'time "{text}" cannot be read'
            elif us % timeframe.length_us:
                problem = f"time {text} is no candle open of {timeframe.text}"
            elif us in seen:
                problem = f"candle {text} stands here a second time; its first row counts"
            if problem is not None:
                bad.add(line, problem)
            seen.add(us)
            opens.append(us if problem is None else None)
        yield chunk, opens


def _signals(
    path: Path, backtest: BacktestSettings, timeframe: Timeframe, bad: list[BadLines]
) -> pd.DataFrame:
    """candle_open, side, probability, price, price_step of every good row."""
    lines = BadLines(path)
    bad.append(lines)
    header = read_header(path)
    places = {side: header.index(side.lower()) for side in SIDES if side.lower() in header}
    if not places:
        raise LogFormatError(f'{path}: no column "long" or "short"; has {", ".join(header[:12])}')
    price_place = header.index("price") if "price" in header else None
    records: list[tuple[int, str, float, float, float]] = []
    for chunk, opens in _timed_chunks(path, backtest, timeframe, lines):
        for line, row, opened in zip(chunk.lines, chunk.rows, opens, strict=True):
            if opened is None:
                continue
            try:
                row_signals = _row_signals(row, places, price_place)
            except ValueError as error:
                lines.add(line, str(error))
                continue
            records += [(opened, *signal) for signal in row_signals]
    columns = ["candle_open", "side", "probability", "price", "price_step"]
    frame = pd.DataFrame(records, columns=columns)
    return frame.assign(candle_open=index_from_us(frame["candle_open"]))


def _row_signals(
    row: list[str], places: dict[Any, int], price_place: int | None
) -> list[tuple[str, float, float, float]]:
    price, price_step = math.nan, math.nan
    if price_place is not None:
        price = _or_nan(reference_price(row[price_place]))
        price_step = _or_nan(digit_step(row[price_place]))
    values = {side: probability(row[place]) for side, place in places.items()}
    if all(value is None for value in values.values()):
        raise ValueError("neither a LONG nor a SHORT probability")
    return [
        (str(side), value, price, price_step) for side, value in values.items() if value is not None
    ]


def _store_signals(
    connection: sa.Connection, context: Context, name: str, series_id: int, frame: pd.DataFrame
) -> int:
    """Write what is new or differs and remove what the file no longer has; returns how many."""
    values = ["probability", "price", "price_step"]
    stored = read_series(connection, context.bot_id, Origin.BACKTEST, name)[[*KEYS, *values]]
    both = frame.merge(
        stored, on=KEYS, how="outer", suffixes=("", "_stored"), indicator=True, validate="1:1"
    )
    gone = both[both["_merge"] == "right_only"]
    delete_signals(connection, series_id, gone)
    is_same = both["_merge"] == "both"
    for value in values:
        left, right = both[value], both[f"{value}_stored"]
        is_same &= (left == right) | (left.isna() & right.isna())
    changed = both[(both["_merge"] != "right_only") & ~is_same]
    upsert_signals(connection, series_id, changed, context.run_id)
    return len(gone)


def _store_features(
    connection: sa.Connection,
    context: Context,
    backtest: BacktestSettings,
    path: Path,
    series_id: int,
    bad: list[BadLines],
) -> int:
    """Every column but the candle time as float64; returns how many rows were stored."""
    lines = BadLines(path)
    bad.append(lines)
    header = read_header(path)
    places = _numeric_places(path, header, backtest.candle_open)
    columns = [header[place] for place in places]
    layout_id = ensure_backtest_layout(connection, context.bot_id, columns)
    stored = 0
    for chunk, opens in _timed_chunks(path, backtest, context.bot.frame, lines):
        kept: list[int] = []
        vectors: list[list[float]] = []
        for line, row, opened in zip(chunk.lines, chunk.rows, opens, strict=True):
            if opened is None:
                continue
            try:
                vectors.append([_feature(row[place], header[place]) for place in places])
            except ValueError as error:
                lines.add(line, str(error))
                continue
            kept.append(opened)
        if kept:
            matrix = np.array(vectors, dtype="float64")
            keys = [f"imported:{backtest.name}"] * len(kept)
            store_backtest_rows(
                connection,
                series_id,
                layout_id,
                np.array(kept, dtype="int64"),
                matrix,
                content_keys=keys,
                run_id=context.run_id,
            )
        stored += len(kept)
    return stored


def _numeric_places(path: Path, header: list[str], candle_open: str) -> list[int]:
    """Columns that are features: a column that holds text in every row is none."""
    first = next(read_chunks(path, BadLines(path)), Chunk([], []))
    places = []
    for place, name in enumerate(header):
        written = [row[place] for row in first.rows if row[place].strip()]
        if name != candle_open and (not written or any(map(_is_number, written))):
            places.append(place)
    return places


def _is_number(text: str) -> bool:
    try:
        _feature(text, "")
    except ValueError:
        return False
    return True


def _feature(text: str, name: str) -> float:
    """A number exactly as written; empty is NaN, true and false are 1 and 0."""
    try:
        return number(text)
    except ValueError:
        stripped = text.strip().lower()
        if stripped == "":
            return math.nan
        if stripped in _BOOLEANS:
            return _BOOLEANS[stripped]
        raise ValueError(f'feature {name} is "{text[:40]}", which is no number') from None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
