"""Lines of signal logs as they were read."""

from collections import Counter
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.storage.sql import raw, within
from core.storage.tables import log_file, signal_line
from core.times import index_from_us

_LINE = raw(signal_line)


def hashes_of_file(connection: sa.Connection, file_id: int) -> Counter[str]:
    """How often each line (sha256) of a file is accounted for already."""
    query = sa.select(_LINE.c.sha256).where(_LINE.c.file_id == file_id)
    return Counter(connection.scalars(query))


def price_lines(connection: sa.Connection, bot_id: int, log: str | None = None) -> pd.DataFrame:
    """Every line with a candle and a reference price: candle_open (UTC), price, price_step."""
    query = sa.select(_LINE.c.candle_open, _LINE.c.price, _LINE.c.price_step).where(
        _LINE.c.bot_id == bot_id, _LINE.c.candle_open.is_not(None), _LINE.c.price.is_not(None)
    )
    if log is not None:
        query = query.where(_LINE.c.log == log)
    rows = connection.execute(query.order_by(_LINE.c.candle_open, _LINE.c.id)).all()
    frame = pd.DataFrame(rows, columns=["candle_open", "price", "price_step"])
    return frame.assign(candle_open=index_from_us(frame["candle_open"])).astype(
        {"price": "float64", "price_step": "float64"}
    )


def double_writes(
    connection: sa.Connection,
    bot_id: int,
    log: str | None = None,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Candles that one log got more than once at different times: two instances of the bot.

    Columns: log, candle_open (UTC), lines, seconds_apart (first to last time of logging).
    A copy of a line (the same time of logging, e.g. in a rotated file) is none.
    """
    logged = _LINE.c.logged_at
    several = (  # from the index alone
        sa.select(_LINE.c.candle_open)
        .where(_LINE.c.bot_id == bot_id, _LINE.c.candle_open.is_not(None))
        .group_by(_LINE.c.log, _LINE.c.candle_open)
        .having(sa.func.count() > 1)
    )
    query = (
        sa.select(
            _LINE.c.log,
            _LINE.c.candle_open,
            sa.func.count(logged.distinct()).label("lines"),
            (sa.func.max(logged) - sa.func.min(logged)).label("apart_us"),
        )
        .where(_LINE.c.bot_id == bot_id, _LINE.c.candle_open.in_(several), logged.is_not(None))
        .group_by(_LINE.c.log, _LINE.c.candle_open)
        .having(sa.func.count(logged.distinct()) > 1)
        .order_by(_LINE.c.log, _LINE.c.candle_open)
    )
    if log is not None:
        query = query.where(_LINE.c.log == log)
    rows = connection.execute(within(query, _LINE.c.candle_open, from_, until)).all()
    frame = pd.DataFrame(rows, columns=["log", "candle_open", "lines", "apart_us"])
    return frame.assign(
        candle_open=index_from_us(frame["candle_open"]),
        seconds_apart=frame["apart_us"].astype("float64") / 1e6,
    ).drop(columns="apart_us")


def rejected_lines(
    connection: sa.Connection, bot_id: int, limit: int = 100
) -> list[dict[str, Any]]:
    """The newest rejected lines: log, path, line, reason, raw."""
    query = (
        sa.select(_LINE.c.log, log_file.c.path, _LINE.c.line, _LINE.c.reason, _LINE.c.raw)
        .join(log_file, log_file.c.id == _LINE.c.file_id)
        .where(_LINE.c.bot_id == bot_id, _LINE.c.status == "rejected")
        .order_by(_LINE.c.id.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in connection.execute(query)]
