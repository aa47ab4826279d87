"""Stored pairs: of a comparison, of a window, the worst, of one candle."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.alignment.day_block import unpack_judgements, unpack_pairs
from core.market import SIDES, Side
from core.storage.sql import raw, within
from core.storage.tables import annotation, comparison, pair, pair_day
from core.times import index_from_us, to_us

PairKey = tuple[int, str]  # candle open (stored µs), side
# production_origin, production, backtest, is_aligned, flip, decision_flip
PairValues = tuple[Any, ...]
_PAIR = raw(pair)
_PAIR_DAY = raw(pair_day)
_ANNOTATION = raw(annotation)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTotals:
    """Signals that the bot emitted, those with a replay, and those that differ from it."""

    emitted: int
    replayed: int
    misaligned: int


@dataclass(frozen=True, slots=True)
class Explained:
    """Candles whose difference a proven finding explains: from inclusive, until exclusive."""

    from_open: datetime
    until_open: datetime
    sides: tuple[Side, ...]

    def __post_init__(self) -> None:
        if not self.from_open < self.until_open:
            raise ValueError(f"a stretch from {self.from_open} until {self.until_open} is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstFilter:
    """Which of the pairs beyond the tolerance are listed; none that lies in `explained`."""

    sides: tuple[Side, ...] = SIDES
    flips_only: bool = False
    unreviewed_only: bool = False
    explained: tuple[Explained, ...] = ()


def read_pairs(
    connection: sa.Connection,
    comparison_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Pairs of a comparison by candle open and side; `from_` inclusive, `until` exclusive.

    Columns: candle_open, side, production_origin, production, backtest, diff,
    abs_diff, is_aligned, flip (bool), decision_flip (boolean, NA where unknown), run_id.
    """
    columns = [column for column in _PAIR.columns if column.name != "comparison_id"]
    query = (
        sa.select(*columns)
        .where(_PAIR.c.comparison_id == comparison_id)
        .order_by(_PAIR.c.candle_open, _PAIR.c.side)
    )
    rows = [
        tuple(row) for row in connection.execute(within(query, _PAIR.c.candle_open, from_, until))
    ]
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return frame.assign(
        candle_open=index_from_us(frame["candle_open"]),
        decision_flip=frame["decision_flip"].astype("boolean"),
    ).astype(
        {
            "side": "str",
            "production_origin": "str",
            "production": "float64",
            "backtest": "float64",
            "diff": "float64",
            "abs_diff": "float64",
            "is_aligned": "bool",
            "flip": "bool",
        }
    )


def stored_pairs(
    connection: sa.Connection, comparison_id: int, from_: datetime, until: datetime
) -> dict[PairKey, PairValues]:
    """What is stored of each pair in a window, without what follows from it; times as stored µs."""
    names = ("production_origin", "production", "backtest", "is_aligned", "flip", "decision_flip")
    query = sa.select(_PAIR.c.candle_open, _PAIR.c.side, *(_PAIR.c[name] for name in names)).where(
        _PAIR.c.comparison_id == comparison_id
    )
    rows = connection.execute(within(query, _PAIR.c.candle_open, from_, until))
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def window_pairs(
    connection: sa.Connection,
    comparison_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """Every pair of a window (`from_` inclusive, `until` exclusive), by side and time.

    Columns as day_block.unpack_pairs gives them.
    """
    rows = _blocks(connection, comparison_id, from_, until)
    pairs = unpack_pairs((side, block) for side, block in rows)
    if from_ is not None:
        pairs = pairs[pairs["candle_open"] >= from_]
    if until is not None:
        pairs = pairs[pairs["candle_open"] < until]
    return pairs.reset_index(drop=True)


def _blocks(
    connection: sa.Connection, comparison_id: int, from_: datetime | None, until: datetime | None
) -> sa.CursorResult[str, bytes]:
    """Side and block of every day that a window touches, by side and day."""
    query = (
        sa.select(_PAIR_DAY.c.side, _PAIR_DAY.c.block)
        .where(_PAIR_DAY.c.comparison_id == comparison_id)
        .order_by(_PAIR_DAY.c.side, _PAIR_DAY.c.day)
    )
    first_day = None if from_ is None else from_ - _DAY + timedelta(microseconds=1)
    return connection.execute(within(query, _PAIR_DAY.c.day, first_day, until))


def worst_pairs(
    connection: sa.Connection,
    bot_id: int,
    comparison_id: int,
    chosen: WorstFilter = WorstFilter(),
    *,
    from_: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
) -> pd.DataFrame:
    """Pairs beyond the tolerance that the filter lets through, worst first, then the earliest.

    Columns: candle_open, side, production_origin, production, backtest, diff,
    abs_diff, flip, decision_flip (boolean, NA where unknown), is_reviewed (bool), note.
    """
    columns = [
        _PAIR.c.candle_open,
        _PAIR.c.side,
        _PAIR.c.production_origin,
        _PAIR.c.production,
        _PAIR.c.backtest,
        _PAIR.c.diff,
        _PAIR.c.abs_diff,
        _PAIR.c.flip,
        _PAIR.c.decision_flip,
        sa.func.coalesce(_ANNOTATION.c.is_reviewed, sa.false()).label("is_reviewed"),
        sa.func.coalesce(_ANNOTATION.c.note, "").label("note"),
    ]
    query = (
        sa.select(*columns)
        .select_from(_with_annotation(bot_id))
        .where(_PAIR.c.comparison_id == comparison_id, _PAIR.c.side.in_([*map(str, chosen.sides)]))
        .where(_flagged())
        .order_by(_PAIR.c.abs_diff.desc(), _PAIR.c.candle_open, _PAIR.c.side)
        .limit(limit)
    )
    query = within(query, _PAIR.c.candle_open, from_, until)
    if chosen.flips_only:
        query = query.where(_PAIR.c.flip)
    for stretch in chosen.explained:
        query = query.where(~_is_in(stretch))
    if chosen.unreviewed_only:
        query = query.where(sa.func.coalesce(_ANNOTATION.c.is_reviewed, sa.false()).is_(sa.false()))
    rows = connection.execute(query).all()
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return frame.assign(
        candle_open=index_from_us(frame["candle_open"]),
        decision_flip=frame["decision_flip"].astype("boolean"),
        is_reviewed=frame["is_reviewed"].astype("bool"),
    )


def candle_counts(
    connection: sa.Connection,
    comparison_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> tuple[int, int]:
    """Candles of a window with a pair on any side, and those beyond the tolerance on any."""
    rows = _blocks(connection, comparison_id, from_, until)
    opened, beyond = unpack_judgements(block for _, block in rows)
    inside = np.ones(len(opened), dtype=bool)
    if from_ is not None:
        inside &= opened >= to_us(from_)
    if until is not None:
        inside &= opened < to_us(until)
    return _distinct(opened[inside]), _distinct(opened[inside & beyond])


def count_flagged(
    connection: sa.Connection,
    comparison_id: int,
    *,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """How many candles of a window have a pair beyond the tolerance."""
    opens = (
        sa.select(_PAIR.c.candle_open)
        .where(_PAIR.c.comparison_id == comparison_id, _flagged())
        .distinct()
    )
    flagged = within(opens, _PAIR.c.candle_open, from_, until).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(flagged)).scalar_one())


def replay_totals(connection: sa.Connection, comparison_id: int) -> ReplayTotals:
    """Emitted signals of both sides, those with a replay, and those that differ from it."""
    names = ("production_signals", "pairs", "above")
    row = connection.execute(
        sa.select(*(sa.func.coalesce(sa.func.sum(_PAIR_DAY.c[name]), 0) for name in names)).where(
            _PAIR_DAY.c.comparison_id == comparison_id
        )
    ).one()
    emitted, replayed, misaligned = (int(value) for value in row)
    return ReplayTotals(emitted=emitted, replayed=replayed, misaligned=misaligned)


def candle_pairs(connection: sa.Connection, bot_id: int, candle_open: datetime) -> pd.DataFrame:
    """Every stored pair of one candle: comparison_id, side, production, backtest and judgement."""
    columns = [column for column in _PAIR.columns if column.name != "candle_open"]
    ids = sa.select(comparison.c.id).where(comparison.c.bot_id == bot_id)
    rows = connection.execute(
        sa.select(*columns)
        .where(_PAIR.c.comparison_id.in_(ids), _PAIR.c.candle_open == to_us(candle_open))
        .order_by(_PAIR.c.comparison_id, _PAIR.c.side)
    ).all()
    return pd.DataFrame(rows, columns=[column.name for column in columns])


def _distinct(opened: npt.NDArray[np.int64]) -> int:
    """How many different times; both sides come in order, which a stable sort makes use of."""
    ordered = np.sort(opened, kind="stable")
    return 0 if len(ordered) == 0 else 1 + int(np.count_nonzero(np.diff(ordered)))


def _flagged() -> sa.ColumnElement[bool]:
    """Written as in the partial index ix_pair_worst, so that the index is used."""
    return _PAIR.c.is_aligned.is_(False)


def _is_in(explained: Explained) -> sa.ColumnElement[bool]:
    return sa.and_(
        _PAIR.c.candle_open >= to_us(explained.from_open),
        _PAIR.c.candle_open < to_us(explained.until_open),
        _PAIR.c.side.in_([*map(str, explained.sides)]),
    )


def _with_annotation(bot_id: int) -> sa.Join:
    return sa.outerjoin(
        _PAIR,
        _ANNOTATION,
        sa.and_(_ANNOTATION.c.bot_id == bot_id, _ANNOTATION.c.candle_open == _PAIR.c.candle_open),
    )
