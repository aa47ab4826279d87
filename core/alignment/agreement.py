"""How far two origins agree over a window, and what was found out about it."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from core.alignment.metrics import matched_ratio, share_above
from core.market import Origin, Side
from core.storage.sql import raw, within
from core.storage.tables import pair, pair_day, series, signal
from core.times import DAY_US, from_us, to_us

_PAIR = raw(pair)
_PAIR_DAY = raw(pair_day)
_SIGNAL = raw(signal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One comparison and side over a window. None: cannot be known."""

    pairs: int
    matched_ratio: float | None
    mean_abs_diff: float | None
    max_abs_diff: float | None
    max_at: datetime | None
    share_above_tolerance: float | None
    flips: int | None
    decision_flips: int | None


def agreement(
    connection: sa.Connection,
    bot_id: int,
    comparison_id: int,
    name: str,
    side: Side,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> Agreement:
    """Figures of the pairs in a window (`from_` inclusive, `until` exclusive)."""
    above = sa.func.sum(sa.case((_PAIR.c.is_aligned, 0), else_=1))
    query = sa.select(
        sa.func.count(),
        sa.func.avg(_PAIR.c.abs_diff),
        sa.func.max(_PAIR.c.abs_diff),
        above,
        sa.func.sum(sa.cast(_PAIR.c.flip, sa.Integer)),
        sa.func.sum(sa.cast(_PAIR.c.decision_flip, sa.Integer)),
    ).where(_PAIR.c.comparison_id == comparison_id, _PAIR.c.side == side)
    count, mean, largest, beyond, flips, decision_flips = connection.execute(
        within(query, _PAIR.c.candle_open, from_, until)
    ).one()
    return Agreement(
        pairs=count,
        matched_ratio=matched(connection, bot_id, comparison_id, name, side, from_, until),
        mean_abs_diff=mean,
        max_abs_diff=largest,
        max_at=_max_at(connection, comparison_id, side, largest, from_, until),
        share_above_tolerance=share_above(beyond, count),
        flips=flips,
        decision_flips=decision_flips,
    )


def _max_at(
    connection: sa.Connection,
    comparison_id: int,
    side: Side,
    largest: float | None,
    from_: datetime | None,
    until: datetime | None,
) -> datetime | None:
    """The earliest candle with the largest difference."""
    if largest is None:
        return None
    query = sa.select(sa.func.min(_PAIR.c.candle_open)).where(
        _PAIR.c.comparison_id == comparison_id, _PAIR.c.side == side, _PAIR.c.abs_diff == largest
    )
    return from_us(
        connection.execute(within(query, _PAIR.c.candle_open, from_, until)).scalar_one()
    )


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
    production = [Origin.EMITTED] if name == "replay" else [Origin.EMITTED, Origin.REPLAY]
    other = (Origin.REPLAY, "") if name == "replay" else (Origin.BACKTEST, name)
    left = _series(connection, bot_id, [(origin, "") for origin in production])
    right = _series(connection, bot_id, [other])
    spans = [_span(connection, ids, side) for ids in (left, right)]
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
        counts[1] += _count(connection, left, side, *edge)
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
            .where(_SIGNAL.c.series_id == one, _SIGNAL.c.side == side)
            .order_by(order)
            .limit(1)
        )
        for one in series_ids
        for order in (opened.asc(), opened.desc())
    ]
    found = [int(edge) for edge in edges if edge is not None]
    return (min(found), max(found)) if found else None


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
