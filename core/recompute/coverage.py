"""How much of a window a recomputed backtest covers so far."""

from datetime import datetime

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.market import Origin
from core.recompute.reads import Coverage, read_coverage
from core.signals.reads import production_opens, series_id
from core.storage.sql import int64_rows, raw, within
from core.storage.tables import backtest_row, signal_absence

_ROW = raw(backtest_row)
_ABSENCE = raw(signal_absence)


def window_coverage(
    connection: sa.Connection,
    bot_id: int,
    name: str,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> Coverage | None:
    """Coverage of a window (`from_` inclusive, `until` exclusive) by the backtest `name`.

    Wanted are the candles of production; pending those that recomputation has not come to.
    None where nothing waits in its queue, as for imported backtests and replays. Candles
    that cannot be recomputed, for a stored reason, do not wait.
    """
    whole = read_coverage(connection, bot_id, name)
    if whole is None or not whole.is_sample:
        return None
    of_backtest = series_id(connection, bot_id, Origin.BACKTEST, name)

    def opens(query: sa.Select[tuple[int]], column: sa.Column[int]) -> npt.NDArray[np.int64]:
        rows = connection.execute(within(query, column, from_, until))
        return int64_rows(rows, 1)[:, 0]

    wanted = production_opens(connection, bot_id, from_, until)
    covered = opens(
        sa.select(_ROW.c.candle_open).where(_ROW.c.series_id == of_backtest), _ROW.c.candle_open
    )
    absent = opens(
        sa.select(_ABSENCE.c.candle_open).where(
            _ABSENCE.c.series_id == of_backtest, _ABSENCE.c.side == ""
        ),
        _ABSENCE.c.candle_open,
    )
    is_covered = np.isin(wanted, covered)
    return Coverage(
        wanted=len(wanted),
        covered=int(is_covered.sum()),
        pending=int((~is_covered & ~np.isin(wanted, absent)).sum()),
    )
