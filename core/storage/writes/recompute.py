"""Store recomputed rows with their signals, candle by candle as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.frames import to_us
from core.side import SIDES
from core.storage.bulk import raw
from core.storage.reads.recompute import Coverage, coverage_step, unpack_flags
from core.storage.tables import backtest_row, layout, signal, signal_absence, vector_cache
from core.storage.upsert import upsert
from core.storage.writes.backtest_rows import ensure_backtest_layout, pack_flags
from core.storage.writes.pairs import mark_due
from core.storage.writes.watermarks import write_watermark

_ROW = raw(backtest_row)
_SIGNAL = raw(signal)
_ABSENCE = raw(signal_absence)
_CACHE = raw(vector_cache)
_KEYS_A_QUERY = 500


def forget_candles(
    connection: sa.Connection, series_id: int, opens_us: Sequence[int], *, rows: bool
) -> None:
    """Remove signals and absences of these candles (and rows), before they are written anew."""
    if not opens_us:
        return
    gone = [{"gone": open_us} for open_us in opens_us]
    sides = ("", *map(str, SIDES))
    for table in (_SIGNAL, _ABSENCE):
        connection.execute(
            sa.delete(table).where(
                table.c.series_id == series_id,
                table.c.side == sa.bindparam("gone_side"),
                table.c.candle_open == sa.bindparam("gone"),
            ),
            [{**one, "gone_side": side} for one in gone for side in sides],
        )
    if rows:
        connection.execute(
            sa.delete(_ROW).where(
                _ROW.c.series_id == series_id, _ROW.c.candle_open == sa.bindparam("gone")
            ),
            gone,
        )
    mark_due(connection, series_id, np.array(opens_us, dtype="int64"))


def write_coverage(
    connection: sa.Connection, bot_id: int, name: str, coverage: Coverage, live: Any
) -> None:
    """Keep how far a comparison has come, and the bundles its signals were scored with."""
    value = {"coverage": asdict(coverage), "live": live}
    write_watermark(connection, bot_id, coverage_step(name), value)


def read_cache(connection: sa.Connection, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Cached rows by content key: columns, vector (float64), warming, or reason and detail."""
    found: dict[str, dict[str, Any]] = {}
    for at in range(0, len(keys), _KEYS_A_QUERY):
        rows = connection.execute(
            sa.select(
                _CACHE.c.content_key,
                layout.c.columns,
                _CACHE.c.vector,
                _CACHE.c.warming,
                _CACHE.c.reason,
                _CACHE.c.detail,
            )
            .outerjoin(layout, layout.c.id == _CACHE.c.layout_id)
            .where(_CACHE.c.content_key.in_(keys[at : at + _KEYS_A_QUERY]))
        )
        found.update((row.content_key, _cached(row)) for row in rows)
    return found


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
    }
