"""Pairs and their daily roll-ups."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.storage.sql import raw, within
from core.storage.tables import pair, pair_day, pair_due
from core.times import index_from_us

PairKey = tuple[int, str]  # candle open (stored µs), side
# production_origin, production, backtest, is_aligned, flip, decision_flip
PairValues = tuple[Any, ...]
_PAIR = raw(pair)
_PAIR_DAY = raw(pair_day)
_PAIR_DUE = raw(pair_due)


def read_pairs(
    connection: sa.Connection,
    comparison_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Pairs of a comparison by candle open and side; `from_` inclusive, `until` exclusive.

    Columns: candle_open, side, production_origin, production, backtest, diff,
    abs_diff, is_aligned, flip (bool), decision_flip (boolean, NA where unknown), run_id.
    """
    columns = [column for column in _PAIR.columns if column.name != "comparison_id"]
    query = (
        sa.select(*columns)
        .where(_PAIR.c.comparison_id == comparison_id)
        .order_by(_PAIR.c.candle_open, _PAIR.c.side)
    )
    rows = [
        tuple(row) for row in connection.execute(within(query, _PAIR.c.candle_open, from_, until))
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return frame.assign(
        candle_open=index_from_us(frame["candle_open"]),
        decision_flip=frame["decision_flip"].astype("boolean"),
    ).astype(
        {
            "side": "str",
            "production_origin": "str",
            "production": "float64",
            "backtest": "float64",
            "diff": "float64",
            "abs_diff": "float64",
            "is_aligned": "bool",
            "flip": "bool",
        }
    )


def read_days(
    connection: sa.Connection,
    comparison_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Daily roll-ups of a comparison by day and side, columns as in pair_day but for its block."""
    columns = [
        column for column in _PAIR_DAY.columns if column.name not in ("comparison_id", "block")
    ]
    query = (
        sa.select(*columns)
        .where(_PAIR_DAY.c.comparison_id == comparison_id)
        .order_by(_PAIR_DAY.c.day, _PAIR_DAY.c.side)
    )
    found = connection.execute(within(query, _PAIR_DAY.c.day, from_, until))
    rows = [tuple(row) for row in found]  # pandas takes Row objects apart slowly
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return frame.assign(
        day=index_from_us(frame["day"]),
        max_at=_nullable_times(frame["max_at"]),
        max_abs_diff=frame["max_abs_diff"].astype("float64"),
    )


def stored_pairs(
    connection: sa.Connection, comparison_id: int, from_: datetime, until: datetime
) -> dict[PairKey, PairValues]:
    """What is stored of each pair in a window, without what follows from it; times as stored µs."""
    names = ("production_origin", "production", "backtest", "is_aligned", "flip", "decision_flip")
    query = sa.select(_PAIR.c.candle_open, _PAIR.c.side, *(_PAIR.c[name] for name in names)).where(
        _PAIR.c.comparison_id == comparison_id
    )
    rows = connection.execute(within(query, _PAIR.c.candle_open, from_, until))
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _nullable_times(microseconds: pd.Series) -> pd.Series:
    known = microseconds.notna().to_numpy()
    filled = np.where(known, microseconds.fillna(0), 0).astype("int64")
    return pd.Series(index_from_us(filled)).where(known)
