"""Signals of one origin, and why a candle has none.

Every write notes the days whose pairs are due, in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.bundle.load import Bundle
from core.market import SIDES, Origin
from core.signals.due_days import mark_due
from core.storage.sql import fetch_tuples, insert_many, raw, upsert
from core.storage.tables import bundle as bundle_table
from core.storage.tables import series, signal, signal_absence
from core.times import to_us, us_from_index

_SIGNAL = raw(signal)
_ABSENCE = raw(signal_absence)
_PRINTED = ("step", "price", "price_step")
_SIGNAL_NAMES = tuple(column.name for column in _SIGNAL.columns)


def ensure_series(
    connection: sa.Connection, bot_id: int, origin: Origin, comparison: str = ""
) -> int:
    """The id of a bot's signals of one origin; `comparison` names the backtest."""
    known = connection.scalar(
        sa.select(series.c.id).where(
            series.c.bot_id == bot_id,
            series.c.origin == str(origin),
            series.c.comparison == comparison,
        )
    )
    if known is not None:
        return int(known)
    made = sa.insert(series).values(bot_id=bot_id, origin=str(origin), comparison=comparison)
    return int(connection.execute(made.returning(series.c.id)).scalar_one())


def ensure_bundle(connection: sa.Connection, loaded: Bundle) -> int:
    """The id of a bundle by content; its name and place are those seen last."""
    values = {
        "name": loaded.name,
        "path": str(loaded.path),
        "manifest": loaded.manifest.as_json(),
    }
    known = connection.scalar(
        sa.select(bundle_table.c.id).where(bundle_table.c.hash == loaded.hash)
    )
    if known is None:
        made = sa.insert(bundle_table).values(hash=loaded.hash, **values)
        return int(connection.execute(made.returning(bundle_table.c.id)).scalar_one())
    connection.execute(sa.update(bundle_table).where(bundle_table.c.id == known).values(**values))
    return int(known)


def upsert_signals(
    connection: sa.Connection,
    series_id: int,
    frame: pd.DataFrame,
    run_id: int | None,
    bundle_id: int | None = None,
) -> None:
    """Write signals; one that is there already is replaced.

    `frame`: candle_open (UTC), side, probability (0..1), and where printed step, price,
    price_step (NaN: not known); unique per candle_open and side.
    """
    if frame.empty:
        return
    opened = us_from_index(frame["candle_open"])
    rows = zip(
        repeat(series_id),
        frame["side"].tolist(),
        opened.tolist(),
        frame["probability"].tolist(),
        *(_nullable(frame, name) for name in _PRINTED),
        repeat(bundle_id),
        repeat(run_id),
        strict=False,
    )
    insert_many(connection, _SIGNAL, _SIGNAL_NAMES, list(rows), replace=True)
    mark_due(connection, series_id, opened)


def replace_signals(
    connection: sa.Connection,
    series_id: int,
    candle_opens: Sequence[int],
    signals: Mapping[tuple[str, int], tuple[float | None, ...]],
) -> None:
    """Have these candles (stored µs, in order) hold these signals and no other.

    `signals`: by side and candle open probability, step, price and price_step.
    """
    query = sa.select(_SIGNAL.c.side, _SIGNAL.c.candle_open).where(
        _SIGNAL.c.series_id == series_id,
        _SIGNAL.c.side.in_([str(side) for side in SIDES]),
        _SIGNAL.c.candle_open.between(candle_opens[0], candle_opens[-1]),
    )
    concerned = set(candle_opens)
    stored = ((side, at) for side, at in fetch_tuples(connection, query) if at in concerned)
    _delete(connection, series_id, [key for key in stored if key not in signals])
    rows = [(series_id, *key, *said, None, None) for key, said in signals.items()]
    insert_many(connection, _SIGNAL, _SIGNAL_NAMES, rows, replace=True)
    mark_due(connection, series_id, candle_opens)


def upsert_absences(
    connection: sa.Connection, series_id: int, frame: pd.DataFrame, run_id: int | None
) -> None:
    """Write why candles have no signal: candle_open, side ("" for both), reason, detail."""
    if frame.empty:
        return
    opened = us_from_index(frame["candle_open"]).tolist()
    rows = [
        {
            "series_id": series_id,
            "side": str(side),
            "candle_open": at,
            "reason": reason,
            "detail": detail,
            "run_id": run_id,
        }
        for at, side, reason, detail in zip(
            opened, frame["side"], frame["reason"], frame["detail"], strict=True
        )
    ]
    upsert(connection, _ABSENCE, rows)


def clear_signals(
    connection: sa.Connection,
    series_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Remove signals and absences of a window (`until` exclusive), before it is written anew.

    Returns how many signals went.
    """
    opened = connection.scalars(
        _within(sa.select(_SIGNAL.c.candle_open), _SIGNAL, series_id, from_, until)
    ).all()
    if opened:
        connection.execute(_within(sa.delete(_SIGNAL), _SIGNAL, series_id, from_, until))
        mark_due(connection, series_id, np.array(opened, dtype="int64"))
    connection.execute(_within(sa.delete(_ABSENCE), _ABSENCE, series_id, from_, until))
    return len(opened)


def delete_signals(connection: sa.Connection, series_id: int, frame: pd.DataFrame) -> None:
    """Remove signals by candle_open (UTC) and side."""
    if frame.empty:
        return
    opened = us_from_index(frame["candle_open"])
    _delete(connection, series_id, zip(map(str, frame["side"]), opened.tolist(), strict=True))
    mark_due(connection, series_id, opened)


def _delete(connection: sa.Connection, series_id: int, keys: Iterable[tuple[str, int]]) -> None:
    """Remove signals by side and candle open (stored µs)."""
    gone = [{"gone_side": side, "gone_open": at} for side, at in keys]
    if not gone:
        return
    connection.execute(
        sa.delete(_SIGNAL).where(
            _SIGNAL.c.series_id == series_id,
            _SIGNAL.c.side == sa.bindparam("gone_side"),
            _SIGNAL.c.candle_open == sa.bindparam("gone_open"),
        ),
        gone,
    )


def _within(
    statement: Any, table: sa.Table, series_id: int, from_: datetime | None, until: datetime | None
) -> Any:
    statement = statement.where(table.c.series_id == series_id)
    # Both sides by name, so that the primary key (series, side, candle open) is used.
    statement = statement.where(table.c.side.in_(["", *map(str, SIDES)]))
    if from_ is not None:
        statement = statement.where(table.c.candle_open >= to_us(from_))
    if until is not None:
        statement = statement.where(table.c.candle_open < to_us(until))
    return statement


def _nullable(frame: pd.DataFrame, name: str) -> Iterable[float | None]:
    if name not in frame:
        return repeat(None)
    values = frame[name].to_numpy(dtype="float64", na_value=np.nan)
    if np.isnan(values).all():
        return repeat(None)
    return [None if value != value else value for value in values.tolist()]
