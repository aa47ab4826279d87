"""Recomputed vectors by content; those that nobody uses any more are dropped."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.recompute.reads import unpack_flags
from core.recompute.writes import ensure_backtest_layout, pack_flags
from core.storage.sql import raw, upsert
from core.storage.tables import layout, vector_cache
from core.times import to_us

KEPT = timedelta(days=30)  # after its last use
MOST_ROWS = 200_000  # two backtests of a year at five minutes; 0.3 GB at 196 columns
_CACHE = raw(vector_cache)
_KEYS_A_QUERY = 500


def read_cache(connection: sa.Connection, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Cached rows by content key: columns, vector (float64), warming, or reason and detail.

    used_at is when a row was last known to be of use (stored µs).
    """
    vectors: dict[str, dict[str, Any]] = {}
    for part in _parts(keys):
        rows = connection.execute(
            sa.select(
                _CACHE.c.content_key,
                layout.c.columns,
                _CACHE.c.vector,
                _CACHE.c.warming,
                _CACHE.c.reason,
                _CACHE.c.detail,
                _CACHE.c.used_at,
            )
            .outerjoin(layout, layout.c.id == _CACHE.c.layout_id)
            .where(_CACHE.c.content_key.in_(part))
        )
        vectors.update((row.content_key, _cached(row)) for row in rows)
    return vectors


def write_cache(
    connection: sa.Connection,
    bot_id: int,
    rows: Mapping[str, Mapping[str, Any]],
    *,
    now: datetime,
) -> None:
    """Keep rows by content key, as read_cache gives them."""
    layouts: dict[tuple[str, ...], int] = {}
    entries = []
    for key, row in rows.items():
        columns = row["columns"]
        if columns and columns not in layouts:
            layouts[columns] = ensure_backtest_layout(connection, bot_id, columns)
        is_row = row["reason"] is None
        entries.append(
            {
                "content_key": key,
                "layout_id": layouts.get(columns),
                "vector": row["vector"].astype("<f8").tobytes() if is_row else None,
                "warming": pack_flags(row["warming"][None], 1)[0] if is_row else None,
                "reason": row["reason"],
                "detail": row["detail"],
                "used_at": to_us(now),
            }
        )
    upsert(connection, _CACHE, entries)


def touch_cache(connection: sa.Connection, keys: Sequence[str], *, now: datetime) -> None:
    """Note that these rows were of use."""
    for part in _parts(keys):
        connection.execute(
            sa.update(_CACHE).where(_CACHE.c.content_key.in_(part)).values(used_at=to_us(now))
        )


def prune_cache(connection: sa.Connection, *, now: datetime) -> None:
    """Drop rows of any bot that nobody has used for KEPT."""
    connection.execute(sa.delete(_CACHE).where(_CACHE.c.used_at < to_us(now - KEPT)))


def bound_cache(connection: sa.Connection, most_rows: int = MOST_ROWS) -> None:
    """Drop the rows of any bot beyond so many, those first that were of use longest ago."""
    kept = sa.select(_CACHE.c.content_key).order_by(_CACHE.c.used_at.desc(), _CACHE.c.content_key)
    beyond = sa.select(kept.offset(most_rows).subquery().c.content_key)
    connection.execute(sa.delete(_CACHE).where(_CACHE.c.content_key.in_(beyond)))


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(keys), _KEYS_A_QUERY):
        yield keys[at : at + _KEYS_A_QUERY]


def _cached(row: Any) -> dict[str, Any]:
    columns = tuple(row.columns or ())
    vector: npt.NDArray[np.float64] = np.frombuffer(row.vector or b"", dtype="<f8")
    warming = np.zeros(len(columns), dtype=bool)
    if row.warming is not None:
        warming = unpack_flags(row.warming, len(columns))
    return {
        "columns": columns,
        "vector": vector,
        "warming": warming,
        "reason": row.reason,
        "detail": row.detail,
        "used_at": row.used_at,
    }
