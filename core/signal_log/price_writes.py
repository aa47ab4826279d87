"""Which reference prices are the close of their candle."""

from collections.abc import Sequence

import pandas as pd
import sqlalchemy as sa

from core.storage.changes import Span
from core.storage.sql import raw
from core.storage.tables import signal_line

_LINE = raw(signal_line)


def note_price_matches(connection: sa.Connection, is_match: pd.Series) -> None:
    """Store whether each line's price is its candle's close; indexed by the line's id."""
    if is_match.empty:
        return
    statement = (
        sa.update(_LINE)
        .where(_LINE.c.id == sa.bindparam("line_id"))
        .values(is_price_match=sa.bindparam("matches"))
    )
    rows = [
        {"line_id": line_id, "matches": bool(matches)}
        for line_id, matches in zip(is_match.index.tolist(), is_match.tolist(), strict=True)
    ]
    connection.execute(statement, rows)


def forget_price_matches(
    connection: sa.Connection, bot_id: int, logs: Sequence[str], spans: Sequence[Span] | None
) -> None:
    """Have prices on these candles (None: on all) compared again, as their closes changed."""
    is_it = sa.and_(
        _LINE.c.bot_id == bot_id, _LINE.c.log.in_(logs), _LINE.c.is_price_match.is_not(None)
    )
    bounds = [sa.true()] if spans is None else [_LINE.c.candle_open.between(*one) for one in spans]
    for bound in bounds:
        connection.execute(sa.update(_LINE).where(is_it, bound).values(is_price_match=None))
