"""Store recomputed rows with their signals, candle by candle as a whole."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.market import SIDES
from core.recompute.reads import WholeCoverage, coverage_step
from core.signals.due_days import mark_due
from core.storage.changes import Span
from core.storage.sql import raw, upsert
from core.storage.tables import backtest_day, backtest_row, layout, signal, signal_absence
from core.storage.watermarks import write_watermark

_ROW = raw(backtest_row)
_DAY = raw(backtest_day)
_SIGNAL = raw(signal)
_ABSENCE = raw(signal_absence)
KIND = "backtest"


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
            [{**record, "gone_side": side} for record in gone for side in sides],
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
    connection: sa.Connection, bot_id: int, name: str, coverage: WholeCoverage, live: Any
) -> None:
    """Keep how far a comparison has come, and what its rows and signals rest on."""
    value = {"coverage": asdict(coverage), "live": live}
    write_watermark(connection, bot_id, coverage_step(name), value)


def replace_days(
    connection: sa.Connection,
    series_id: int,
    windows: Sequence[Span],
    days: Sequence[Mapping[str, Any]],
) -> None:
    """Have these windows (stored µs, the end exclusive) hold these days' counts and no other.

    days: day (stored µs), wanted, covered, absent (by reason), provisional, with_gaps, is_settled.
    """
    for begin, end in windows:
        connection.execute(
            sa.delete(_DAY).where(
                _DAY.c.series_id == series_id, _DAY.c.day >= begin, _DAY.c.day < end
            )
        )
    upsert(connection, _DAY, [{"series_id": series_id, **day} for day in days])


def ensure_backtest_layout(connection: sa.Connection, bot_id: int, columns: Sequence[str]) -> int:
    """The id of this sequence of feature names."""
    digest = hashlib.sha256(json.dumps(list(columns)).encode()).hexdigest()
    is_it = sa.and_(layout.c.bot_id == bot_id, layout.c.kind == KIND, layout.c.hash == digest)
    known = connection.scalar(sa.select(layout.c.id).where(is_it))
    if known is not None:
        return int(known)
    made = sa.insert(layout).values(bot_id=bot_id, kind=KIND, hash=digest, columns=list(columns))
    return int(connection.execute(made.returning(layout.c.id)).scalar_one())


def store_backtest_rows(
    connection: sa.Connection,
    series_id: int,
    layout_id: int,
    candle_opens: npt.NDArray[np.int64],
    matrix: npt.NDArray[np.float64],
    *,
    content_keys: Sequence[str],
    run_id: int | None,
    is_provisional: bool = False,
    warming: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Write vectors (rows × columns of the layout); one that is there already is replaced.

    warming: rows × columns, where a feature had no value in its whole frame yet.
    """
    values = np.ascontiguousarray(matrix, dtype="<f8")
    rows = [
        {
            "series_id": series_id,
            "candle_open": opened,
            "layout_id": layout_id,
            "vector": vector.tobytes(),
            "warming": flags,
            "content_key": key,
            "is_provisional": is_provisional,
            "run_id": run_id,
        }
        for opened, vector, flags, key in zip(
            candle_opens.tolist(),
            values,
            pack_flags(warming, len(values)),
            content_keys,
            strict=True,
        )
    ]
    upsert(connection, _ROW, rows)


def pack_flags(flags: npt.NDArray[np.bool_] | None, rows: int) -> list[bytes | None]:
    """Each row of flags as packed bits; None where no flag is set."""
    if flags is None:
        return [None] * rows
    packed = np.packbits(flags, axis=1)
    return [packed[i].tobytes() if flags[i].any() else None for i in range(rows)]


def delete_backtest_rows(
    connection: sa.Connection, series_id: int, candle_opens: Sequence[int] | None = None
) -> None:
    """Remove a series' vectors: those of these candle opens (stored µs), or all."""
    statement = sa.delete(_ROW).where(_ROW.c.series_id == series_id)
    if candle_opens is None:
        connection.execute(statement)
    elif candle_opens:
        connection.execute(
            statement.where(_ROW.c.candle_open == sa.bindparam("gone")),
            [{"gone": opened} for opened in candle_opens],
        )
