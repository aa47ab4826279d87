"""Bring every configured candle source up to date: files first, then the exchange."""

import glob
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.candles.candle_files import CandlePull, read_candle_file
from core.candles.fetch import FETCH_LIMIT_S, OpenExchange, fetch_source, open_exchange
from core.candles.last_rows import withdraw_unfinished
from core.candles.reads import candle_sources
from core.candles.writes import (
    StoredPull,
    ensure_source,
    store_candles,
    store_unfinished,
    write_source_state,
)
from core.context import Context
from core.errors import CandleError
from core.foreign_text import storable
from core.regular_file import has_speakable_name, stamp
from core.settings import CandleSourceSettings
from core.tailing.survey import NAME_REMEDY
from core.times import iso_z, us_from_index


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """What one source gave in one cycle; problems are sentences with place and remedy."""

    name: str
    files_read: int
    stored: StoredPull
    lacking: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleReport:
    """What all sources of a bot gave in one cycle.

    new, changed: candles whose current version is new or another one.
    unfinished: versions found to have been pulled before their candle closed.
    lacking (by source): candles that the exchange still has to give.
    """

    new: int
    changed: int
    unfinished: int
    sources: tuple[SourceReport, ...]
    problems: tuple[str, ...]


def ingest_candles(
    context: Context,
    *,
    opener: OpenExchange = open_exchange,
    fetch_limit_s: float = FETCH_LIMIT_S,
) -> CandleReport:
    """Read new and changed files of every source, then fetch what lacks, in small transactions.

    A file or an exchange that cannot be read is a problem of its source, kept
    in the source's state; the other files and sources go on.
    """
    sources = []
    for source in context.bot.candles:
        report = _read_files(context, source)
        if source.fetch is not None:
            report = _fetch(context, source, report, opener, fetch_limit_s)
        sources.append(report)
    stored = sum((report.stored for report in sources), StoredPull())
    return CandleReport(
        new=stored.new,
        changed=stored.changed,
        unfinished=stored.unfinished,
        sources=tuple(sources),
        problems=tuple(problem for report in sources for problem in report.problems),
    )


def _fetch(
    context: Context,
    source: CandleSourceSettings,
    report: SourceReport,
    opener: OpenExchange,
    limit_s: float,
) -> SourceReport:
    source_id, state = _open_source(context, source)
    fetched = fetch_source(context, source, source_id, state, opener=opener, limit_s=limit_s)
    return replace(
        report,
        stored=report.stored + fetched.stored,
        lacking=fetched.lacking,
        problems=report.problems + fetched.problems,
    )


def _open_source(context: Context, source: CandleSourceSettings) -> tuple[int, dict[str, Any]]:
    with context.engine.begin() as conn:
        source_id = ensure_source(conn, context.bot_id, source.name)
        return source_id, candle_sources(conn, context.bot_id)[source.name]


def _read_files(context: Context, source: CandleSourceSettings) -> SourceReport:
    source_id, state = _open_source(context, source)
    known: dict[str, Any] = state.setdefault("files", {})
    stored, read, problems = StoredPull(), 0, []
    for path in _files(source):
        if not has_speakable_name(str(path)):
            problems.append(f"{storable(str(path))}: {NAME_REMEDY}")
            continue
        mark = _mark(path, source)
        if known.get(str(path), {}).get("stamp") != mark:
            read += 1
            stored += _ingest_file(context, source, source_id, state, path, mark)
        problems += known[str(path)]["problems"]
    with context.engine.begin() as conn:
        stored += withdraw_unfinished(conn, context.bot_id, source_id, state, now=context.now)
    return SourceReport(
        name=source.name, files_read=read, stored=stored, lacking=0, problems=tuple(problems)
    )


def _files(source: CandleSourceSettings) -> list[Path]:
    """Files in the order of the patterns, each pattern by name; of equal ones the first stays."""
    files = [Path(path) for pattern in source.paths for path in sorted(glob.glob(pattern))]
    return [path for path in dict.fromkeys(files) if path.exists() and not path.is_dir()]


def _mark(path: Path, source: CandleSourceSettings) -> list[Any]:
    """Changes when the file or the way it is to be read changes."""
    return [*stamp(path.stat()), source.candle_open, source.zone]


def _ingest_file(
    context: Context,
    source: CandleSourceSettings,
    source_id: int,
    state: dict[str, Any],
    path: Path,
    mark: list[Any],
) -> StoredPull:
    """Store one file and its place in the source's state, in one transaction."""
    now = context.now
    try:
        pull = read_candle_file(
            path,
            timeframe=context.bot.frame,
            candle_open=source.candle_open,
            zone=source.zone,
            now=now,
        )
    except CandleError as error:
        state["files"][str(path)] = {"stamp": mark, "rows": 0, "problems": [str(error)]}
        with context.engine.begin() as conn:
            write_source_state(conn, source_id, state)
        return StoredPull()
    state["files"][str(path)] = _file_state(pull, mark, now)
    with context.engine.begin() as conn:
        stored = store_candles(conn, source_id, pull.candles, origin=pull.origin, now=now)
        store_unfinished(conn, source_id, pull.not_closed, origin=pull.origin, now=now)
        write_source_state(conn, source_id, state)
    return stored


def _file_state(pull: CandlePull, mark: list[Any], now: datetime) -> dict[str, Any]:
    opens = us_from_index(pull.candles["candle_open"])
    return {
        "stamp": mark,
        "rows": len(pull.candles),
        "not_closed": len(pull.not_closed),
        "last": int(opens.max()) if len(opens) else None,
        "problems": list(pull.problems),
        "read_at": iso_z(now),
    }
