"""Recomputed rows by content key in the database, shared by comparisons, trials and ladders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import sqlalchemy as sa

from core.rerun.compute import CachedRow
from core.storage.writes.recompute import read_cache, write_cache


@dataclass(frozen=True, slots=True)
class StoredCache:
    """A VectorCache; every put is a transaction of its own, so a kill loses one frame at most."""

    engine: sa.Engine
    bot_id: int
    now: datetime

    def get(self, keys: Sequence[str]) -> Mapping[str, CachedRow]:
        with self.engine.connect() as connection:
            rows = read_cache(connection, keys)
        return {
            key: CachedRow(
                columns=row["columns"],
                values=row["vector"],
                warming=row["warming"],
                failure=None if row["reason"] is None else (row["reason"], row["detail"]),
            )
            for key, row in rows.items()
        }

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
