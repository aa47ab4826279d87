"""The feature comparison of what is stored: the bot's log against a backtest's features."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from core.frames import from_us
from core.rerun.features import FeatureComparison, compare_blocks, compare_candle
from core.rerun.windows import as_index
from core.storage.reads.feature_log import read_vectors
from core.storage.reads.recompute import read_backtest_rows


def compare_stored(
    conn: sa.Connection,
    bot_id: int,
    name: str,
    from_: datetime | None = None,
    until: datetime | None = None,
    units: Mapping[str, float] | None = None,
) -> FeatureComparison:
    """Logged features against those of backtest `name`, recomputed or imported.

    units: scaled units by feature (see feature_units). Candles that one side
    lacks do not count.
    """
    return compare_blocks(_blocks(conn, bot_id, name, from_, until), units)


def compare_stored_candle(
    conn: sa.Connection,
    bot_id: int,
    name: str,
    candle_open: datetime,
    units: Mapping[str, float] | None = None,
) -> pd.DataFrame | None:
    """One candle's features, worst first; None where one side has no row."""
    end = candle_open + pd.Timedelta(microseconds=1).to_pytimedelta()
    for logged, recomputed in _blocks(conn, bot_id, name, candle_open, end):
        return compare_candle(logged.iloc[0], recomputed.iloc[0], units)
    return None


def _blocks(
    conn: sa.Connection, bot_id: int, name: str, from_: datetime | None, until: datetime | None
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Candles that both sides have, in blocks of one layout on each side."""
    for block in read_vectors(conn, bot_id, from_, until):
        if not len(block.candle_opens):
            continue
        first, last = (from_us(int(block.candle_opens[i])) for i in (0, -1))
        index = as_index(block.candle_opens)
        logged = pd.DataFrame(block.matrix, index=index, columns=list(block.columns))
        logged = logged.loc[:, ~logged.columns.duplicated()]
        end = last + pd.Timedelta(microseconds=1).to_pytimedelta()
        for rows in read_backtest_rows(conn, bot_id, name, first, end):
            if index.isin(rows.features.index).any():
                yield logged, rows.features
