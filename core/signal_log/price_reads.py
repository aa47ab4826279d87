"""Reference prices of signal lines beside the closes of their candles."""

import pandas as pd
import sqlalchemy as sa

from core.storage.sql import raw
from core.storage.tables import candle, candle_source, feature_row, signal_line

_LINE = raw(signal_line)
_ROW = raw(feature_row)
_CANDLE = raw(candle)
_NAMES = ["id", "price", "price_step", "close"]


def unchecked_prices(connection: sa.Connection, bot_id: int) -> pd.DataFrame:
    """Prices that were not compared yet although the close of their candle is known.

    Columns: id (of the line), price, price_step (value of the last printed digit, NaN:
    full precision), close: what the feature log carries, else the first source of candles.
    """
    close = sa.func.coalesce(_logged_close(bot_id), _source_close(bot_id)).label("close")
    pending = sa.select(_LINE.c.id, _LINE.c.price, _LINE.c.price_step, close).where(
        _LINE.c.bot_id == bot_id,
        _LINE.c.price.is_not(None),
        _LINE.c.candle_open.is_not(None),
        _LINE.c.is_price_match.is_(None),
    )
    found = pending.subquery()
    rows = connection.execute(sa.select(found).where(found.c.close.is_not(None)))
    frame = pd.DataFrame([tuple(row) for row in rows], columns=_NAMES)
    return frame.astype({"id": "int64"} | dict.fromkeys(_NAMES[1:], "float64"))


def _logged_close(bot_id: int) -> sa.ScalarSelect[float]:
    return (
        sa.select(_ROW.c.close)
        .where(_ROW.c.bot_id == bot_id, _ROW.c.candle_open == _LINE.c.candle_open)
        .correlate(_LINE)
        .scalar_subquery()
    )


def _source_close(bot_id: int) -> sa.ScalarSelect[float]:
    return (
        sa.select(_CANDLE.c.close)
        .join(candle_source, candle_source.c.id == _CANDLE.c.source_id)
        .where(candle_source.c.bot_id == bot_id, _CANDLE.c.candle_open == _LINE.c.candle_open)
        .order_by(candle_source.c.id)
        .limit(1)
        .correlate(_LINE)
        .scalar_subquery()
    )
