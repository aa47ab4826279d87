"""What waits for signals that changed: marked with every write of them, in its transaction.

Days wait to be paired; recomputation waits for the candles of production.
"""

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from core.market import Origin
from core.storage.changes import Subject, note_changes
from core.storage.sql import raw, upsert
from core.storage.tables import comparison, pair_due, series, signal
from core.times import DAY_US

_PAIR_DUE = raw(pair_due)
_SIGNAL = raw(signal)


def mark_due(connection: sa.Connection, series_id: int, candle_opens: npt.ArrayLike) -> None:
    """Note that signals of a series changed or vanished at these candle opens (stored µs).

    Called with every write of signals, in its transaction. Production's series
    concern every comparison of the bot, a backtest's the comparison of its name.
    """
    bot_id, origin = connection.execute(
        sa.select(series.c.bot_id, series.c.origin).where(series.c.id == series_id)
    ).one()
    if origin != Origin.BACKTEST:
        note_changes(connection, bot_id, Subject.SIGNAL, candle_opens)
    days = np.unique(np.asarray(candle_opens, dtype="int64") // DAY_US) * DAY_US
    concerned = connection.scalars(
        sa.select(comparison.c.id)
        .join(series, series.c.bot_id == comparison.c.bot_id)
        .where(series.c.id == series_id, comparison.c.is_configured)
        .where((series.c.origin != Origin.BACKTEST) | (series.c.comparison == comparison.c.name))
    ).all()
    rows = [
        {"comparison_id": comparison_id, "day": day}
        for comparison_id in concerned
        for day in days.tolist()
    ]
    upsert(connection, _PAIR_DUE, rows, keep_existing=True)


def mark_all_due(connection: sa.Connection, bot_id: int, comparison_id: int, name: str) -> None:
    """Every day of a comparison that is new or judged by other rules than before."""
    day: ColumnElement[int] = _SIGNAL.c.candle_open // DAY_US
    days = connection.scalars(
        sa.select(day)
        .distinct()
        .join(series, series.c.id == _SIGNAL.c.series_id)
        .where(series.c.bot_id == bot_id)
        .where((series.c.origin != Origin.BACKTEST) | (series.c.comparison == name))
    )
    rows = [{"comparison_id": comparison_id, "day": number * DAY_US} for number in days]
    upsert(connection, _PAIR_DUE, rows, keep_existing=True)


def due_days(connection: sa.Connection, comparison_id: int) -> list[int]:
    """UTC days (stored µs) whose signals changed since they were paired, in order."""
    return list(
        connection.scalars(
            sa.select(_PAIR_DUE.c.day)
            .where(_PAIR_DUE.c.comparison_id == comparison_id)
            .order_by(_PAIR_DUE.c.day)
        )
    )
