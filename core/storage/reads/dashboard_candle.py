"""Everything that is stored of one candle, and where each number comes from."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.frames import to_us
from core.storage.tables import (
    bundle,
    feature_row,
    log_file,
    run,
    series,
    signal,
    signal_absence,
)

MAX_LINE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAt:
    """One stored signal of a candle with its bundle and the run that wrote it."""

    origin: str
    comparison: str
    side: str
    probability: float
    price: float | None
    bundle_name: str | None
    bundle_hash: str | None
    run_id: int | None
    run_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceAt:
    """Why a series has no signal on a candle; side "" speaks of both."""

    origin: str
    comparison: str
    side: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedLine:
    """Where a candle's row was logged. `text` is None where it cannot be read any more."""

    path: str
    line: int
    logged_at: datetime | None
    is_recovered: bool
    text: str | None
    problem: str | None


def signals_at(
    connection: sa.Connection, bot_id: int, candle_open: datetime
) -> tuple[SignalAt, ...]:
    """Every signal of a candle: emitted, replay, then each backtest."""
    rows = connection.execute(
        sa.select(
            series.c.origin,
            series.c.comparison,
            signal.c.side,
            signal.c.probability,
            signal.c.price,
            bundle.c.name.label("bundle_name"),
            bundle.c.hash.label("bundle_hash"),
            signal.c.run_id,
            run.c.started_at.label("run_at"),
        )
        .select_from(series)
        .join(signal, signal.c.series_id == series.c.id)
        .outerjoin(bundle, bundle.c.id == signal.c.bundle_id)
        .outerjoin(run, run.c.id == signal.c.run_id)
        .where(
            series.c.bot_id == bot_id,
            signal.c.side.in_(("LONG", "SHORT")),
            signal.c.candle_open == candle_open,
        )
        .order_by(series.c.origin.desc(), series.c.id, signal.c.side)
    )
    found = [SignalAt(**row) for row in rows.mappings()]
    order = {"emitted": 0, "replay": 1, "backtest": 2}
    return tuple(sorted(found, key=lambda one: order[one.origin]))


def absences_at(
    connection: sa.Connection, bot_id: int, candle_open: datetime
) -> tuple[AbsenceAt, ...]:
    """Why series have no signal on a candle."""
    rows = connection.execute(
        sa.select(
            series.c.origin,
            series.c.comparison,
            signal_absence.c.side,
            signal_absence.c.reason,
            signal_absence.c.detail,
        )
        .join(signal_absence, signal_absence.c.series_id == series.c.id)
        .where(
            series.c.bot_id == bot_id,
            signal_absence.c.side.in_(("", "LONG", "SHORT")),
            signal_absence.c.candle_open == candle_open,
        )
        .order_by(series.c.id, signal_absence.c.side)
    )
    return tuple(AbsenceAt(**row) for row in rows.mappings())


def logged_line(connection: sa.Connection, bot_id: int, candle_open: datetime) -> LoggedLine | None:
    """The line that a candle's row was read from; None where the candle was not logged.

    The file is read at the stored place; its text is shown only while the file still
    holds the content that was read (same generation, and long enough).
    """
    row = connection.execute(
        sa.select(
            log_file.c.path,
            log_file.c.generation.label("file_generation"),
            feature_row.c.generation,
            feature_row.c.line,
            feature_row.c.offset,
            feature_row.c.length,
            feature_row.c.logged_at,
            feature_row.c.is_recovered,
        )
        .join(log_file, log_file.c.id == feature_row.c.file_id)
        .where(feature_row.c.bot_id == bot_id, feature_row.c.candle_open == candle_open)
    ).first()
    if row is None:
        return None
    text, problem = _read_line(row)
    return LoggedLine(
        path=row.path,
        line=row.line,
        logged_at=row.logged_at,
        is_recovered=row.is_recovered,
        text=text,
        problem=problem,
    )


def _read_line(row: Any) -> tuple[str | None, str | None]:
    """The text at the stored place, or why it cannot be shown."""
    if row.generation != row.file_generation:
        return None, "the file was replaced since this row was read"
    if row.path.endswith(".gz"):
        return None, "the file is compressed; unpack it to see the line"
    try:
        with Path(row.path).open("rb") as file:
            file.seek(row.offset)
            found = file.read(min(row.length, MAX_LINE_BYTES))
    except OSError as error:
        return None, f"the file cannot be read: {error.strerror}"
    if len(found) < min(row.length, MAX_LINE_BYTES):
        return None, "the file is shorter than when this row was read"
    return found.decode("utf-8", "backslashreplace").rstrip("\r\n"), None


def neighbour_opens(
    connection: sa.Connection, bot_id: int, candle_open: datetime
) -> tuple[datetime | None, datetime | None]:
    """The nearest logged candles before and after."""
    opened = sa.type_coerce(feature_row.c.candle_open, sa.BigInteger)
    here = to_us(candle_open)
    query = sa.select(feature_row.c.candle_open).where(feature_row.c.bot_id == bot_id).limit(1)
    before = connection.scalar(query.where(opened < here).order_by(opened.desc()))
    after = connection.scalar(query.where(opened > here).order_by(opened))
    return before, after
