"""Recomputed rows by content key in the database, shared by comparisons, trials and ladders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from core.recompute.compute import CachedRow
from core.recompute.vector_cache import (
    bound_cache,
    prune_cache,
    read_cache,
    touch_cache,
    write_cache,
)
from core.storage.engine import snapshot
from core.times import to_us

_TOUCHED = timedelta(days=1)  # a use is noted this often, so that reading stays reading


@dataclass(frozen=True, slots=True)
class StoredCache:
    """A VectorCache; every put is a transaction of its own, so a kill loses one frame at most."""

    engine: sa.Engine
    bot_id: int
    now: datetime

    def get(self, keys: Sequence[str]) -> Mapping[str, CachedRow]:
        with snapshot(self.engine) as connection:
            rows = read_cache(connection, keys)
        until = to_us(self.now - _TOUCHED)
        old = [key for key, row in rows.items() if row["used_at"] < until]
        if old:
            with self.engine.begin() as connection:
                touch_cache(connection, old, now=self.now)
        return _cached_rows(rows)

    def put(self, rows: Mapping[str, CachedRow]) -> None:
        entries = {
            key: {
                "columns": row.columns,
                "vector": np.asarray(row.values, dtype="float64"),
                "warming": row.warming,
                "reason": row.failure[0] if row.failure else None,
                "detail": row.failure[1] if row.failure else None,
            }
            for key, row in rows.items()
        }
        with self.engine.begin() as connection:
            write_cache(connection, self.bot_id, entries, now=self.now)

    def prune(self) -> None:
        """Drop what nobody has used for long."""
        with self.engine.begin() as connection:
            prune_cache(connection, now=self.now)

    def bound(self) -> None:
        """Keep the rows that were of use last, so many that trials cannot fill the disk."""
        with self.engine.begin() as connection:
            bound_cache(connection)


@dataclass(frozen=True, slots=True)
class ReadCache:
    """A VectorCache of what is stored already, for whoever may only read."""

    connection: sa.Connection

    def get(self, keys: Sequence[str]) -> Mapping[str, CachedRow]:
        return _cached_rows(read_cache(self.connection, keys))

    def put(self, rows: Mapping[str, CachedRow]) -> None:
        """Nothing is kept."""


def _cached_rows(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, CachedRow]:
    return {
        key: CachedRow(
            columns=row["columns"],
            values=row["vector"],
            warming=row["warming"],
            failure=None if row["reason"] is None else (row["reason"], row["detail"]),
        )
        for key, row in rows.items()
    }
