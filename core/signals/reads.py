"""Signals by origin, as frames: candle_open (UTC), side, probability, and where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.market import SIDES, Origin, Side
from core.storage.sql import int64_rows, raw, within
from core.storage.tables import (
    bundle,
    feature_row,
    run,
    series,
    signal,
    signal_absence,
    signal_line,
)
from core.times import DAY_US, index_from_us, us_from_index

_SIGNAL = raw(signal)
_ABSENCE = raw(signal_absence)
_LINE = raw(signal_line)
_FEATURE_ROW = raw(feature_row)
_NUMBERS = ["probability", "step", "price", "price_step"]
KEYS = ["candle_open", "side"]
_SIDES = [str(side) for side in SIDES]
STATUSES = {
    "used": "matched",
    "rejected": "rejected",
    "duplicate": "duplicates",
    "conflict": "conflicts",
}


def series_id(
    connection: sa.Connection, bot_id: int, origin: Origin, comparison: str = ""
) -> int | None:
    """The id of a bot's signals of one origin, None where it never had any."""
    return connection.scalar(
        sa.select(series.c.id).where(
            series.c.bot_id == bot_id,
            series.c.origin == str(origin),
            series.c.comparison == comparison,
        )
    )


def opened_bundles(connection: sa.Connection) -> frozenset[str]:
    """Hashes of the bundles that were opened and scored with before."""
    return frozenset(connection.scalars(sa.select(bundle.c.hash)))


def read_series(
    connection: sa.Connection,
    bot_id: int,
    origin: Origin,
    comparison: str = "",
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Signals of one origin by candle open and side; `from_` inclusive, `until` exclusive.

    Columns: candle_open, side, probability, step (value of the last printed digit, NaN:
    full precision), price, price_step, bundle_id (Int64).
    """
    columns = [_SIGNAL.c[name] for name in (*KEYS, *_NUMBERS, "bundle_id")]
    query = sa.select(*columns).where(
        _SIGNAL.c.series_id == series_id(connection, bot_id, origin, comparison),
        _SIGNAL.c.side.in_(_SIDES),
    )
    rows = [
        tuple(row) for row in connection.execute(within(query, _SIGNAL.c.candle_open, from_, until))
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    frame = frame.astype(dict.fromkeys(_NUMBERS, "float64") | {"side": "str"})
    frame = frame.assign(
        candle_open=index_from_us(frame["candle_open"]),
        bundle_id=frame["bundle_id"].astype("Int64"),
    )
    return frame.sort_values(KEYS, ignore_index=True)


def with_log_steps(frame: pd.DataFrame) -> pd.DataFrame:
    """`step` as the log's own: the finest that a series printed on the value's UTC day.

    A bot that drops trailing zeros prints 0.293 for 0.2930 and "0.0" for a value that it holds to
    ten digits; the digits of one value say nothing about those of its neighbours.
    """
    day = us_from_index(frame["candle_open"]) // DAY_US
    return frame.assign(
        step=frame["step"].groupby(day).transform("min").where(frame["step"].notna())
    )


def production_signals(
    connection: sa.Connection,
    bot_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """The emitted signal of each candle and side where there is one, else the replayed one.

    Columns as read_series, with production_origin.
    """
    parts = [
        read_series(connection, bot_id, origin, "", from_, until).assign(
            production_origin=str(origin)
        )
        for origin in (Origin.EMITTED, Origin.REPLAY)
    ]
    emitted, replay = parts
    if emitted.empty or replay.empty:
        return replay if emitted.empty else emitted
    both = pd.concat(parts, ignore_index=True).drop_duplicates(KEYS, keep="first")
    return both.sort_values(KEYS, ignore_index=True)


def absences(
    connection: sa.Connection,
    bot_id: int,
    origin: Origin,
    comparison: str = "",
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Why candles have no signal: candle_open, side ("" for both), reason (a code), detail."""
    columns = [_ABSENCE.c[name] for name in (*KEYS, "reason", "detail")]
    query = sa.select(*columns).where(
        _ABSENCE.c.series_id == series_id(connection, bot_id, origin, comparison)
    )
    rows = [
        tuple(row)
        for row in connection.execute(within(query, _ABSENCE.c.candle_open, from_, until))
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    frame = frame.assign(candle_open=index_from_us(frame["candle_open"])).astype(
        {"side": "str", "reason": "str", "detail": "str"}
    )
    return frame.sort_values(KEYS, ignore_index=True)


def signals_account(
    connection: sa.Connection, bot_id: int, log: str | None = None
) -> dict[str, int]:
    """lines = matched + rejected + duplicates + conflicts, of one signal log or of all."""
    query = (
        sa.select(_LINE.c.status, sa.func.count())
        .where(_LINE.c.bot_id == bot_id)
        .group_by(_LINE.c.status)
    )
    if log is not None:
        query = query.where(_LINE.c.log == log)
    counts: dict[Any, int] = {row[0]: row[1] for row in connection.execute(query)}
    account = {name: counts.get(status, 0) for status, name in STATUSES.items()}
    return {"lines": sum(account.values()), **account}


def production_opens(
    connection: sa.Connection,
    bot_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> npt.NDArray[np.int64]:
    """Candle opens (µs) of the production side: logged, emitted or replayed; in order.

    `from_` inclusive, `until` exclusive.
    """
    stored = [
        int64_rows(connection.execute(within(query, query.selected_columns[0], from_, until)), 1)
        for query in _produced(connection, bot_id)
    ]
    return np.unique(np.concatenate(stored))


def first_production_open(connection: sa.Connection, bot_id: int) -> int | None:
    """The first candle open (µs) of the production side, None where there is none."""
    firsts: list[int] = []
    for query in _produced(connection, bot_id):
        firsts += connection.scalars(query.order_by(query.selected_columns[0]).limit(1))
    return min(firsts, default=None)


def _produced(connection: sa.Connection, bot_id: int) -> list[sa.Select[tuple[int]]]:
    """Queries of all candle opens of production, each along one index."""
    ids = connection.scalars(
        sa.select(series.c.id).where(
            series.c.bot_id == bot_id, series.c.origin != str(Origin.BACKTEST)
        )
    ).all()
    logged = sa.select(_FEATURE_ROW.c.candle_open).where(_FEATURE_ROW.c.bot_id == bot_id)
    said = [
        sa.select(_SIGNAL.c.candle_open).where(_SIGNAL.c.series_id == id_, _SIGNAL.c.side == side)
        for id_ in ids
        for side in _SIDES
    ]
    return [logged, *said]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAt:
    """One stored signal of a candle with its bundle and the run that wrote it."""

    origin: Origin
    comparison: str
    side: Side
    probability: float
    price: float | None
    bundle_name: str | None
    bundle_hash: str | None
    run_id: int | None
    run_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceAt:
    """Why a series has no signal on a candle; side None speaks of both."""

    origin: Origin
    comparison: str
    side: Side | None
    reason: str
    detail: str


def signals_at(
    connection: sa.Connection, bot_id: int, candle_open: datetime
) -> tuple[SignalAt, ...]:
    """Every signal of a candle: emitted, replay, then each backtest."""
    query = (
        _at(signal, bot_id, candle_open, SIDES)
        .add_columns(
            signal.c.probability,
            signal.c.price,
            bundle.c.name.label("bundle_name"),
            bundle.c.hash.label("bundle_hash"),
            signal.c.run_id,
            run.c.started_at.label("run_at"),
        )
        .outerjoin(bundle, bundle.c.id == signal.c.bundle_id)
        .outerjoin(run, run.c.id == signal.c.run_id)
    )
    stored = [SignalAt(**_typed(dict(row))) for row in connection.execute(query).mappings()]
    order = list(Origin)
    return tuple(sorted(stored, key=lambda entry: order.index(entry.origin)))


def absences_at(
    connection: sa.Connection, bot_id: int, candle_open: datetime
) -> tuple[AbsenceAt, ...]:
    """Why series have no signal on a candle."""
    query = _at(signal_absence, bot_id, candle_open, ("", *SIDES)).add_columns(
        signal_absence.c.reason, signal_absence.c.detail
    )
    return tuple(AbsenceAt(**_typed(dict(row))) for row in connection.execute(query).mappings())


def _at(
    table: sa.Table, bot_id: int, candle_open: datetime, sides: Sequence[Side | str]
) -> sa.Select[*tuple[Any, ...]]:
    """A table's rows of one candle, with origin and comparison of their series."""
    return (
        sa.select(series.c.origin, series.c.comparison, table.c.side)
        .select_from(series)
        .join(table, table.c.series_id == series.c.id)
        .where(
            series.c.bot_id == bot_id,
            table.c.side.in_([str(side) for side in sides]),
            table.c.candle_open == candle_open,
        )
        .order_by(series.c.id, table.c.side)
    )


def _typed(row: Mapping[str, Any]) -> dict[str, Any]:
    side = row["side"]
    return {**row, "origin": Origin(row["origin"]), "side": Side(side) if side else None}
