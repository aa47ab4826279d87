"""Which stored feature rows changed since somebody last looked, as spans of candle opens.

Whoever stores or replaces feature rows notes the span in the same transaction; whoever
builds on them (replay, signals in feature columns) keeps the id of the last span that
it has worked through. So a new row on top of a year costs what it costs on top of a day.
"""

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.storage.tables import feature_change

_KEEP = 1000


def note_feature_rows(connection: sa.Connection, bot_id: int, candle_opens: npt.ArrayLike) -> None:
    """Note that feature rows at these candle opens (stored µs) are new or were replaced."""
    opened = np.asarray(candle_opens, dtype="int64")
    if opened.size == 0:
        return
    newest = connection.execute(
        sa.insert(feature_change)
        .values(bot_id=bot_id, first_open=int(opened.min()), last_open=int(opened.max()))
        .returning(feature_change.c.id)
    ).scalar_one()
    connection.execute(sa.delete(feature_change).where(feature_change.c.id <= newest - _KEEP))
