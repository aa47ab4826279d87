"""Lines of signal logs as they were read, each log's account, and prices beside closes."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.signals.reads import STATUSES
from core.storage.sql import raw, within
from core.storage.tables import candle, candle_source, feature_row, signal_line
from core.times import index_from_us

_LINE = raw(signal_line)
_ROW = raw(feature_row)
_CANDLE = raw(candle)
_NAMES = ["id", "price", "price_step", "close"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalLogAccount:
    """lines = matched + rejected + duplicates + conflicts.

    `doubles`: candles that were written at several times. `prices`: lines with a candle
    and a price; `prices_checked`: those whose close is known; `prices_matching`: those
    that are the close.
    """

    log: str
    lines: int
    matched: int
    rejected: int
    duplicates: int
    conflicts: int
    doubles: int
    prices: int
    prices_checked: int
    prices_matching: int


def price_lines(connection: sa.Connection, bot_id: int, log: str | None = None) -> pd.DataFrame:
    """Every line with a candle and a reference price.

    Columns: candle_open (UTC), price, price_step, logged_us (when it was logged, 0: unknown).
    """
    logged_us = sa.func.coalesce(_LINE.c.logged_at, 0)
    query = sa.select(_LINE.c.candle_open, _LINE.c.price, _LINE.c.price_step, logged_us).where(
        _LINE.c.bot_id == bot_id, _LINE.c.candle_open.is_not(None), _LINE.c.price.is_not(None)
    )
    if log is not None:
        query = query.where(_LINE.c.log == log)
    rows = connection.execute(query.order_by(_LINE.c.candle_open, _LINE.c.id)).all()
    frame = pd.DataFrame(rows, columns=["candle_open", "price", "price_step", "logged_us"])
    return frame.assign(candle_open=index_from_us(frame["candle_open"])).astype(
        {"price": "float64", "price_step": "float64", "logged_us": "int64"}
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
    several = (  # from the index alone, and of the window alone
        within(sa.select(_LINE.c.candle_open), _LINE.c.candle_open, from_, until)
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
        .where(_LINE.c.bot_id == bot_id, logged.is_not(None))
        .group_by(_LINE.c.log, _LINE.c.candle_open)
        .having(sa.func.count(logged.distinct()) > 1)
        .order_by(_LINE.c.log, _LINE.c.candle_open)
    )
    if log is not None:
        several, query = (statement.where(_LINE.c.log == log) for statement in (several, query))
    query = query.where(_LINE.c.candle_open.in_(several))
    rows = connection.execute(within(query, _LINE.c.candle_open, from_, until)).all()
    frame = pd.DataFrame(rows, columns=["log", "candle_open", "lines", "apart_us"])
    return frame.assign(
        candle_open=index_from_us(frame["candle_open"]),
        seconds_apart=frame["apart_us"].astype("float64") / 1e6,
    ).drop(columns="apart_us")


def signal_log_accounts(
    connection: sa.Connection, bot_id: int, logs: Sequence[str]
) -> tuple[SignalLogAccount, ...]:
    """The account of each of these logs, in their order; a log without a line has zeros."""
    counts = _counts(connection, bot_id)
    doubles = Counter(double_writes(connection, bot_id)["log"])
    return tuple(
        SignalLogAccount(log=log, doubles=doubles[log], **_account(counts[log])) for log in logs
    )


def _counts(connection: sa.Connection, bot_id: int) -> dict[str, list[Any]]:
    is_priced = _LINE.c.candle_open.is_not(None) & _LINE.c.price.is_not(None)
    query = (
        sa.select(
            _LINE.c.log,
            _LINE.c.status,
            sa.func.count().label("lines"),
            sa.func.count(sa.case((is_priced, 1))).label("prices"),
            sa.func.count(_LINE.c.is_price_match).label("checked"),
            sa.func.count(sa.case((_LINE.c.is_price_match.is_(True), 1))).label("matching"),
        )
        .where(_LINE.c.bot_id == bot_id)
        .group_by(_LINE.c.log, _LINE.c.status)
    )
    by_log: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        by_log[row.log].append(row)
    return by_log


def _account(rows: list[Any]) -> dict[str, int]:
    by_status = {row.status: row.lines for row in rows}
    return {
        "lines": sum(row.lines for row in rows),
        **{name: by_status.get(status, 0) for status, name in STATUSES.items()},
        "prices": sum(row.prices for row in rows),
        "prices_checked": sum(row.checked for row in rows),
        "prices_matching": sum(row.matching for row in rows),
    }


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
    lines = pending.subquery()
    rows = connection.execute(sa.select(lines).where(lines.c.close.is_not(None)))
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
