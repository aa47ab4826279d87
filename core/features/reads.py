"""Feature vectors of single candles, for samples of a long window."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.market import Origin
from core.signals.reads import series_id
from core.storage.sql import int64_rows, raw, within
from core.storage.tables import backtest_row, feature_row, layout
from core.times import index_from_us

_ROW = raw(feature_row)
_BACKTEST = raw(backtest_row)
_IN_ONE_QUERY = 500


def opens_in(
    connection: sa.Connection, bot_id: int, from_: datetime | None, until: datetime | None
) -> npt.NDArray[np.int64]:
    """Candle opens (µs) of the logged rows of a window, in order."""
    query = sa.select(_ROW.c.candle_open).where(_ROW.c.bot_id == bot_id)
    ordered = within(query, _ROW.c.candle_open, from_, until).order_by(_ROW.c.candle_open)
    return int64_rows(connection.execute(ordered), 1)[:, 0]


def logged_vectors(
    connection: sa.Connection,
    bot_id: int,
    opens: npt.NDArray[np.int64],
    *,
    not_features: Iterable[str] = (),
) -> pd.DataFrame:
    """Logged features of these candles (µs), by candle_open; NaN where a layout lacks one."""
    return _vectors(connection, _ROW, _ROW.c.bot_id == bot_id, opens, set(not_features))


def backtest_vectors(
    connection: sa.Connection, bot_id: int, name: str, opens: npt.NDArray[np.int64]
) -> pd.DataFrame:
    """Features of a backtest on these candles (µs), indexed by candle_open."""
    of_series = _BACKTEST.c.series_id == series_id(connection, bot_id, Origin.BACKTEST, name)
    return _vectors(connection, _BACKTEST, of_series, opens, set())


def _vectors(
    connection: sa.Connection,
    table: sa.Table,
    condition: sa.ColumnElement[bool],
    opens: npt.NDArray[np.int64],
    left_out: set[str],
) -> pd.DataFrame:
    rows: list[Any] = []
    for start in range(0, len(opens), _IN_ONE_QUERY):
        wanted = opens[start : start + _IN_ONE_QUERY].tolist()
        query = sa.select(table.c.candle_open, table.c.layout_id, table.c.vector)
        rows += connection.execute(query.where(condition, table.c.candle_open.in_(wanted))).all()
    columns = {
        number: list(
            connection.scalar(sa.select(layout.c.columns).where(layout.c.id == number)) or ()
        )
        for number in {row.layout_id for row in rows}
    }
    blocks = [
        _block([row for row in rows if row.layout_id == number], names, left_out)
        for number, names in columns.items()
    ]
    if not blocks:
        return pd.DataFrame(index=index_from_us([]))
    return pd.concat(blocks).sort_index()


def _block(rows: list[Any], names: list[str], left_out: set[str]) -> pd.DataFrame:
    index = index_from_us(np.array([row.candle_open for row in rows], dtype="int64"))
    values = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f8")
    frame = pd.DataFrame(
        values.reshape(len(rows), len(names)), index=index.rename("candle_open"), columns=names
    )
    kept = ~frame.columns.duplicated() & ~frame.columns.isin(left_out)
    return frame.loc[:, kept]
