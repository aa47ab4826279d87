"""Store recomputed rows with their signals, candle by candle as a whole."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import sqlalchemy as sa

from core.market import SIDES
from core.recompute.reads import Coverage, coverage_step
from core.signals.due_days import mark_due
from core.storage.sql import raw
from core.storage.tables import backtest_row, signal, signal_absence
from core.storage.watermarks import write_watermark

_ROW = raw(backtest_row)
_SIGNAL = raw(signal)
_ABSENCE = raw(signal_absence)


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
