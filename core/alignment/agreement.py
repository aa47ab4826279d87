"""How far two origins agree over a window, and what was found out about it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.alignment.metrics import METRICS, figures, matched_ratio
from core.alignment.reads import window_pairs
from core.market import REPLAY, SIDES, Origin, Side
from core.storage.sql import raw
from core.storage.tables import pair, pair_day, series, signal
from core.times import DAY_US, to_us

_PAIR = raw(pair)
_PAIR_DAY = raw(pair_day)
_SIGNAL = raw(signal)


def agreement(
    connection: sa.Connection,
    bot_id: int,
    comparison_id: int,
    name: str,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> dict[Side, dict[str, Any]]:
    """METRICS and matched_ratio of the pairs in a window, by side; None: cannot be known.

    `from_` is inclusive, `until` exclusive; 0 pairs are known.
    """
    pairs = window_pairs(connection, comparison_id, from_, until)
    known = {side: figures(mine) for side, mine in pairs.groupby("side", observed=True)}
    nothing = dict.fromkeys(METRICS) | {"pairs": 0}
    return {
        side: known.get(str(side), nothing)
        | {"matched_ratio": matched(connection, bot_id, comparison_id, name, side, from_, until)}
        for side in SIDES
    }


def matched(
    connection: sa.Connection,
    bot_id: int,
    comparison_id: int,
    name: str,
    side: Side,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> float | None:
    """Pairs ÷ candles with a signal on either side, inside the overlap of both spans.

    Whole days are taken from their roll-up, what is left at either end is counted.
    """
    production = [Origin.EMITTED] if name == REPLAY else [Origin.EMITTED, Origin.REPLAY]
    other = (Origin.REPLAY, "") if name == REPLAY else (Origin.BACKTEST, name)
    logged = _series(connection, bot_id, [(origin, "") for origin in production])
    right = _series(connection, bot_id, [other])
    spans = [_span(connection, ids, side) for ids in (logged, right)]
    known = [span for span in spans if span is not None]
    if len(known) < len(spans):
        return None
    start, end = max(first for first, _ in known), min(last for _, last in known) + 1
    start = start if from_ is None else max(start, to_us(from_))
    end = max(start, end if until is None else min(end, to_us(until)))
    first_day = min(-(-start // DAY_US) * DAY_US, end)
    last_day = max(end // DAY_US * DAY_US, first_day)
    counts = _rolled_up(connection, comparison_id, side, first_day, last_day)
    for edge in ((start, first_day), (last_day, end)):
        counts[0] += _count_pairs(connection, comparison_id, side, *edge)
        counts[1] += _count(connection, logged, side, *edge)
        counts[2] += _count(connection, right, side, *edge)
    return matched_ratio(*counts)


def _rolled_up(
    connection: sa.Connection, comparison_id: int, side: Side, start: int, end: int
) -> list[int]:
    """Pairs, production's signals and the other side's, of the days from start to end (µs)."""
    names = ("pairs", "production_signals", "backtest_signals")
    row = connection.execute(
        sa.select(*(sa.func.coalesce(sa.func.sum(_PAIR_DAY.c[name]), 0) for name in names)).where(
            _PAIR_DAY.c.comparison_id == comparison_id,
            _PAIR_DAY.c.side == side,
            _PAIR_DAY.c.day >= start,
            _PAIR_DAY.c.day < end,
        )
    ).one()
    return [int(value) for value in row]


def _count_pairs(
    connection: sa.Connection, comparison_id: int, side: Side, start: int, end: int
) -> int:
    query = sa.select(sa.func.count()).where(
        _PAIR.c.comparison_id == comparison_id,
        _PAIR.c.side == side,
        _PAIR.c.candle_open >= start,
        _PAIR.c.candle_open < end,
    )
    return int(connection.execute(query).scalar_one())


def _series(connection: sa.Connection, bot_id: int, wanted: list[tuple[Origin, str]]) -> list[int]:
    is_wanted = [
        (series.c.origin == origin) & (series.c.comparison == comparison)
        for origin, comparison in wanted
    ]
    return list(
        connection.scalars(
            sa.select(series.c.id).where(series.c.bot_id == bot_id, sa.or_(*is_wanted))
        )
    )


def _span(connection: sa.Connection, series_ids: list[int], side: Side) -> tuple[int, int] | None:
    """First and last candle open (stored µs) of these series, by the primary key alone."""
    opened = _SIGNAL.c.candle_open
    edges = [
        connection.scalar(
            sa.select(opened)
            .where(_SIGNAL.c.series_id == series_id, _SIGNAL.c.side == side)
            .order_by(order)
            .limit(1)
        )
        for series_id in series_ids
        for order in (opened.asc(), opened.desc())
    ]
    known = [int(edge) for edge in edges if edge is not None]
    return (min(known), max(known)) if known else None


def _count(
    connection: sa.Connection,
    series_ids: list[int],
    side: Side,
    start: int,
    end: int,
) -> int:
    """Candles with a signal of any of these series, from start until before end (µs)."""
    query = sa.select(_SIGNAL.c.candle_open).where(
        _SIGNAL.c.series_id.in_(series_ids),
        _SIGNAL.c.side == side,
        _SIGNAL.c.candle_open >= start,
        _SIGNAL.c.candle_open < end,
    )
    if len(series_ids) > 1:
        query = query.distinct()
    opens = query.subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(opens)).scalar_one())
