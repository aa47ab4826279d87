"""Bring every configured candle source up to date: files first, then the exchange."""

import glob
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.candles.files import CandlePull, read_candle_file
from core.errors import CandleError
from core.frames import iso_z
from core.settings import BotSettings, CandleSourceSettings
from core.storage.reads.candles import candle_sources
from core.storage.writes.candles import (
    StoredPull,
    ensure_source,
    store_candles,
    store_unfinished,
    write_source_state,
)
from core.timeframe import Timeframe

_PROBLEMS_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What one source gave in one cycle; problems are sentences with place and remedy."""

    name: str
    files_read: int
    stored: StoredPull
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CandleReport:
    """What all sources of a bot gave in one cycle."""

    sources: tuple[SourceReport, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(problem for source in self.sources for problem in source.problems)


def ingest_candles(
    engine: sa.Engine, bot_id: int, bot: BotSettings, *, now: datetime
) -> CandleReport:
    """Read new and changed files of every source, in transactions of their own.

    A file that cannot be read is a problem of its source, kept in the source's
    state; the other files and sources go on.
    """
    return CandleReport(
        tuple(_ingest_source(engine, bot_id, bot.frame, source, now) for source in bot.candles)
    )


def _ingest_source(
    engine: sa.Engine,
    bot_id: int,
    timeframe: Timeframe,
    source: CandleSourceSettings,
    now: datetime,
) -> SourceReport:
    with engine.begin() as conn:
        source_id = ensure_source(conn, bot_id, source.name)
        state = candle_sources(conn, bot_id)[source.name]
    known: dict[str, Any] = state.setdefault("files", {})
    stored, read, problems = StoredPull(), 0, []
    for path in _files(source):
        stamp = _stamp(path, source)
        if known.get(str(path), {}).get("stamp") != stamp:
            read += 1
            stored += _ingest_file(engine, source_id, timeframe, source, path, stamp, state, now)
        problems += known[str(path)]["problems"]
    return SourceReport(name=source.name, files_read=read, stored=stored, problems=tuple(problems))


def _files(source: CandleSourceSettings) -> list[Path]:
    """Files in the order of the patterns, each pattern by name; of equal ones the first stays."""
    found = [Path(path) for pattern in source.paths for path in sorted(glob.glob(pattern))]
    return [path for path in dict.fromkeys(found) if path.is_file()]


def _stamp(path: Path, source: CandleSourceSettings) -> list[Any]:
    """Changes when the file or the way it is to be read changes."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, source.candle_open, source.zone]


def _ingest_file(
    engine: sa.Engine,
    source_id: int,
    timeframe: Timeframe,
    source: CandleSourceSettings,
    path: Path,
    stamp: list[Any],
    state: dict[str, Any],
    now: datetime,
) -> StoredPull:
    """Store one file and its place in the source's state, in one transaction."""
    try:
        pull = read_candle_file(
            path, timeframe=timeframe, candle_open=source.candle_open, zone=source.zone, now=now
        )
    except CandleError as error:
        state["files"][str(path)] = {"stamp": stamp, "rows": 0, "problems": [str(error)]}
        with engine.begin() as conn:
            write_source_state(conn, source_id, state)
        return StoredPull()
    state["files"][str(path)] = _file_state(pull, stamp, now)
    with engine.begin() as conn:
        stored = store_candles(conn, source_id, pull.candles, origin=pull.origin, now=now)
        store_unfinished(conn, source_id, pull.not_closed, origin=pull.origin, now=now)
        write_source_state(conn, source_id, state)
    return stored


def _file_state(pull: CandlePull, stamp: list[Any], now: datetime) -> dict[str, Any]:
    kept = list(pull.problems[:_PROBLEMS_KEPT])
    if len(pull.problems) > _PROBLEMS_KEPT:
        kept.append(f"… and {len(pull.problems) - _PROBLEMS_KEPT} more rows of this file")
    return {
        "stamp": stamp,
        "rows": len(pull.candles),
        "not_closed": len(pull.not_closed),
        "problems": kept,
        "read_at": iso_z(now),
    }
