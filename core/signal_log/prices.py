"""How many reference prices equal the close of the candle that they are labelled with.

The one check of a label that needs no model: a price belongs to one candle only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.storage.reads.feature_log import logged_candles
from core.storage.reads.signal_lines import price_lines

_NOISE = 1e-9


@dataclass(frozen=True, slots=True)
class PriceAccount:
    """`price_rows`: lines with a candle and a price; `checked`: those whose close is known.

    `price_matches` of these equal the close at the digits that were printed; None where
    nothing could be checked.
    """

    price_rows: int
    checked: int
    price_matches: int | None


def price_account(
    connection: sa.Connection, bot_id: int, log: str | None = None, closes: pd.Series | None = None
) -> PriceAccount:
    """Compare every reference price of a log (None: of all) with the candles' closes.

    `closes`: close prices indexed by candle_open (UTC), from whatever source; without
    it, those that the feature log carries.
    """
    if closes is None:
        closes = first_known([logged_candles(connection, bot_id)])
    lines = price_lines(connection, bot_id, log)
    is_match = matches_close(lines, closes)
    checked = int(is_match.notna().sum())
    matches = int(is_match.fillna(False).sum()) if checked else None
    return PriceAccount(len(lines), checked, matches)


def matches_close(lines: pd.DataFrame, closes: pd.Series) -> pd.Series:
    """Whether each price equals its candle's close; NA where the close is not known.

    `lines`: candle_open (UTC), price, price_step (value of the last printed digit, NaN:
    full precision).
    """
    known = closes[~closes.index.duplicated()].reindex(pd.DatetimeIndex(lines["candle_open"]))
    close = known.to_numpy(dtype="float64")
    price = lines["price"].to_numpy(dtype="float64")
    step = np.nan_to_num(lines["price_step"].to_numpy(dtype="float64"))
    is_equal = np.abs(price - close) <= step / 2 + np.abs(close) * _NOISE * (step > 0)
    result: pd.Series = pd.Series(is_equal, index=lines.index, dtype="boolean")
    return result.mask(np.isnan(close))


def first_known(sources: Sequence[pd.DataFrame]) -> pd.Series:
    """Closes by candle open, each from the first source (candle_open, close) that has it."""
    parts = [source.set_index("candle_open")["close"] for source in sources if not source.empty]
    if not parts:
        return pd.Series([], index=pd.DatetimeIndex([], tz="UTC"), dtype="float64")
    joined: pd.Series = pd.concat(parts)
    return joined.loc[~joined.index.duplicated()]
