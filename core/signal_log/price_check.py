"""How many reference prices equal the close of the candle that they are labelled with.

The one check of a label that needs no model: a price belongs to one candle only.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.context import Context
from core.signal_log.reads import unchecked_prices
from core.signal_log.writes import forget_price_matches, note_price_matches
from core.storage.changes import Subject, read_changes
from core.storage.watermarks import read_watermark, write_watermark

STEP = "signal_prices"
_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class PriceReport:
    """Prices that were compared in this run, and those among them that are the close."""

    checked: int
    matching: int


def check_prices(context: Context) -> PriceReport:
    """Compare the prices whose candle's close has become known, was logged anew or revised."""
    logs = [log.name for log in context.bot.signal_log]
    with context.engine.begin() as connection:
        _forget_changed(connection, context.bot_id, logs)
        is_match = matches_close(unchecked_prices(connection, context.bot_id).set_index("id"))
        note_price_matches(connection, is_match)
    return PriceReport(checked=len(is_match), matching=int(is_match.sum()))


def matches_close(prices: pd.DataFrame) -> pd.Series:
    """Whether each price is the close, at the digits that were printed.

    Columns: price, price_step (value of the last printed digit, NaN: full precision), close.
    """
    close = prices["close"].to_numpy(dtype="float64")
    price = prices["price"].to_numpy(dtype="float64")
    step = np.nan_to_num(prices["price_step"].to_numpy(dtype="float64"))
    is_equal = np.abs(price - close) <= step / 2 + np.abs(close) * _NOISE * (step > 0)
    return pd.Series(is_equal, index=prices.index, dtype="bool")


def _forget_changed(connection: sa.Connection, bot_id: int, logs: list[str]) -> None:
    seen = read_watermark(connection, bot_id, STEP)
    changes = read_changes(connection, bot_id, seen, Subject.FEATURE_ROW, Subject.CANDLE)
    forget_price_matches(connection, bot_id, logs, changes.spans)
    if changes.newest != seen:
        write_watermark(connection, bot_id, STEP, changes.newest)
