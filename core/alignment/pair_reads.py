"""Pairs and their daily roll-ups."""

from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.storage.sql import raw, within
from core.storage.tables import pair, pair_due
from core.times import index_from_us

PairKey = tuple[int, str]  # candle open (stored µs), side
# production_origin, production, backtest, is_aligned, flip, decision_flip
PairValues = tuple[Any, ...]
_PAIR = raw(pair)
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
