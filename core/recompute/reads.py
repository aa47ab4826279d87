"""The backtest side as stored: rows, their content keys, and how much of the window is covered."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.arrays import Ints
from core.market import SIDES, Origin
from core.signals.reads import series_id
from core.storage.changes import Span
from core.storage.sql import raw, within
from core.storage.tables import (
    backtest_day,
    backtest_row,
    comparison,
    layout,
    pair,
    signal,
    signal_absence,
)
from core.storage.watermarks import read_watermark
from core.times import DAY_US, index_from_us

_ROW = raw(backtest_row)
_DAY = raw(backtest_day)
_SIGNAL = raw(signal)
_ABSENCE = raw(signal_absence)
_PAIR = raw(pair)


@dataclass(frozen=True, slots=True)
class BacktestRows:
    """Stored rows of one layout: features and warming flags, indexed by candle_open (UTC)."""

    features: pd.DataFrame
    warming: pd.DataFrame
    is_provisional: pd.Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How many candles a backtest should cover, covers, and has not come to yet."""

    wanted: int
    covered: int
    pending: int

    @property
    def covered_ratio(self) -> float | None:
        """Share of the wanted candles that is recomputed, None without any."""
        return self.covered / self.wanted if self.wanted else None

    @property
    def is_sample(self) -> bool:
        """Whether statistics rest on a part of the wanted candles."""
        return self.pending > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeCoverage(Coverage):
    """How far a recomputed comparison has come; covered: recomputed as the candles now are.

    absent: candles without a row, by reason. provisional: rows of a day that is not
    over. with_gaps: rows whose frame lacks candles (gap_policy "allow").
    """

    absent: Mapping[str, int]
    provisional: int
    with_gaps: int
    pipeline_hash: str


def coverage_step(name: str) -> str:
    """Where the coverage of a comparison is kept among the watermarks."""
    return f"recompute:{name}"


def import_step(name: str) -> str:
    """Where an imported backtest keeps what it read among the watermarks."""
    return f"import:{name}"


def read_coverage(connection: sa.Connection, bot_id: int, name: str) -> WholeCoverage | None:
    """Coverage of a recomputed comparison, None where it never ran."""
    value = read_watermark(connection, bot_id, coverage_step(name))
    return None if value is None else WholeCoverage(**value["coverage"])


def sensitivity_step(name: str) -> str:
    """Where the lookback sensitivity of a comparison is kept among the watermarks."""
    return f"sensitivity:{name}"


def read_sensitivity(connection: sa.Connection, bot_id: int, name: str) -> dict[str, Any] | None:
    """The kept report: made_at, is_whole (else it goes on), report (docs/backtests.md)."""
    value = read_watermark(connection, bot_id, sensitivity_step(name))
    return None if value is None else dict(value)


def read_backtest_rows(
    connection: sa.Connection,
    bot_id: int,
    name: str,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[BacktestRows]:
    """Features of the backtest side, recomputed or imported, one block a layout."""
    of_series = _ROW.c.series_id == series_id(connection, bot_id, Origin.BACKTEST, name)
    query = sa.select(_ROW.c.layout_id).where(of_series).distinct().order_by(_ROW.c.layout_id)
    for layout_id in connection.scalars(query).all():
        columns = connection.scalar(sa.select(layout.c.columns).where(layout.c.id == layout_id))
        rows = connection.execute(
            within(
                sa.select(
                    _ROW.c.candle_open, _ROW.c.vector, _ROW.c.warming, _ROW.c.is_provisional
                ).where(of_series, _ROW.c.layout_id == layout_id),
                _ROW.c.candle_open,
                from_,
                until,
            ).order_by(_ROW.c.candle_open)
        ).all()
        if rows:
            yield _block(list(columns or ()), rows)


def _block(columns: list[str], rows: Any) -> BacktestRows:
    index = index_from_us(np.array([row[0] for row in rows], dtype=np.int64)).rename("candle_open")
    shape = (len(rows), len(columns))
    values = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f8").reshape(shape).copy()
    warming = np.zeros(shape, dtype=bool)
    for i, row in enumerate(rows):
        if row[2] is not None:
            warming[i] = unpack_flags(row[2], len(columns))
    return BacktestRows(
        features=pd.DataFrame(values, index=index, columns=columns),
        warming=pd.DataFrame(warming, index=index, columns=columns),
        is_provisional=pd.Series([bool(row[3]) for row in rows], index=index, dtype=bool),
    )


def unpack_flags(packed: bytes, count: int) -> npt.NDArray[np.bool_]:
    """Packed bits → one flag a column."""
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=count)
    return np.asarray(bits, dtype=bool)


def stored_keys(
    connection: sa.Connection, of_series: int, windows: Sequence[Span]
) -> dict[int, tuple[str, bool]]:
    """Content key and is_provisional of stored rows, by candle open (µs).

    windows: candle opens (stored µs), each end exclusive; so below.
    """
    query = sa.select(_ROW.c.candle_open, _ROW.c.content_key, _ROW.c.is_provisional).where(
        _ROW.c.series_id == of_series
    )
    rows = _in_windows(connection, query, windows)
    return {row[0]: (row[1], bool(row[2])) for row in rows}


def stored_absences(
    connection: sa.Connection, of_series: int, windows: Sequence[Span]
) -> dict[int, tuple[str, str]]:
    """Reason and detail of the candles that have no row at all (side ""), by candle open (µs)."""
    query = sa.select(_ABSENCE.c.candle_open, _ABSENCE.c.reason, _ABSENCE.c.detail).where(
        _ABSENCE.c.series_id == of_series, _ABSENCE.c.side == ""
    )
    return {row[0]: (row[1], row[2]) for row in _in_windows(connection, query, windows)}


def series_opens(connection: sa.Connection, of_series: int, windows: Sequence[Span]) -> Ints:
    """Every candle open (µs) of which a series says anything, in order."""
    queries = [sa.select(_ROW.c.candle_open).where(_ROW.c.series_id == of_series)]
    queries += [
        sa.select(table.c.candle_open).where(table.c.series_id == of_series, table.c.side == side)
        for table in (_SIGNAL, _ABSENCE)
        for side in ("", *map(str, SIDES))
    ]
    opens = {row[0] for query in queries for row in _in_windows(connection, query, windows)}
    return np.array(sorted(opens), dtype=np.int64)


def open_days(connection: sa.Connection, of_series: int, now_us: int) -> list[int]:
    """UTC days (stored µs) where something waits, or was provisional and is so no more."""
    is_over = sa.and_(_DAY.c.provisional > 0, _DAY.c.day + DAY_US <= now_us)
    query = sa.select(_DAY.c.day).where(
        _DAY.c.series_id == of_series, sa.or_(_DAY.c.is_settled.is_(False), is_over)
    )
    return list(connection.scalars(query))


def total_coverage(connection: sa.Connection, of_series: int, pipeline_hash: str) -> WholeCoverage:
    """What the days of a comparison come to."""
    counts, absent = Counter[str](), Counter[str]()
    names = ("wanted", "covered", "provisional", "with_gaps")
    query = sa.select(_DAY.c.absent, *(_DAY.c[name] for name in names))
    days = connection.execute(query.where(_DAY.c.series_id == of_series).order_by(_DAY.c.day))
    for reasons, *numbers in days:
        absent.update(reasons)
        counts.update(dict(zip(names, numbers, strict=True)))
    wanted, covered, provisional, with_gaps = (counts[name] for name in names)
    return WholeCoverage(
        wanted=wanted,
        covered=covered,
        pending=wanted - covered - absent.total(),
        absent=dict(absent),
        provisional=provisional,
        with_gaps=with_gaps,
        pipeline_hash=pipeline_hash,
    )


def _in_windows(
    connection: sa.Connection, query: sa.Select[Any], windows: Sequence[Span]
) -> Iterator[Any]:
    """Rows of a query whose first column lies in one of the windows."""
    column = query.selected_columns[0]
    for begin, end in windows:
        yield from connection.execute(query.where(column >= begin, column < end))


def flagged_opens(connection: sa.Connection, bot_id: int, limit: int) -> list[int]:
    """Candle opens (µs) of the worst pairs above tolerance in any comparison, worst first."""
    worst = sa.func.max(_PAIR.c.abs_diff)
    query = (
        sa.select(_PAIR.c.candle_open)
        .join(comparison, comparison.c.id == _PAIR.c.comparison_id)
        .where(comparison.c.bot_id == bot_id, _PAIR.c.is_aligned.is_(False))
        .group_by(_PAIR.c.candle_open)
        .order_by(worst.desc(), _PAIR.c.candle_open)
        .limit(limit)
    )
    return [int(open_us) for open_us in connection.scalars(query)]
