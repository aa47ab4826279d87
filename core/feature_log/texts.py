"""What stands as text in logged rows, read only where it matters."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from core.storage.sql import json_text, raw
from core.storage.tables import feature_row, layout

_ROW = raw(feature_row)
_TEXTS = json_text(_ROW.c.texts)
_IN_ONE_QUERY = 500


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a stored row was logged, when (stored µs), and its texts as stored."""

    file_id: int
    generation: int
    line: int
    logged_at: int | None
    texts: str | None

    def text(self, position: int) -> str | None:
        """What stands at a column that is no number."""
        text = (json.loads(self.texts or "null") or {}).get(str(position))
        return None if text is None else str(text)


def row_places(
    connection: sa.Connection, bot_id: int, first: int, last: int
) -> dict[int, RowPlace]:
    """By candle open (stored µs, both ends included)."""
    query = sa.select(
        *(_ROW.c.candle_open, _ROW.c.file_id, _ROW.c.generation, _ROW.c.line),
        *(_ROW.c.logged_at, _TEXTS),
    ).where(_ROW.c.bot_id == bot_id, _ROW.c.candle_open.between(first, last))
    return {row[0]: RowPlace(*row[1:]) for row in connection.execute(query)}


def texts_of(
    connection: sa.Connection, bot_id: int, candle_opens: Sequence[int]
) -> dict[int, dict[int, str]]:
    """Position in the layout → text, of the rows at these candle opens that hold any."""
    by_candle = {}
    for at in range(0, len(candle_opens), _IN_ONE_QUERY):
        query = sa.select(_ROW.c.candle_open, _TEXTS).where(
            _ROW.c.bot_id == bot_id,
            _ROW.c.candle_open.in_(candle_opens[at : at + _IN_ONE_QUERY]),
            _ROW.c.texts.is_not(None),
        )
        for opened, texts in connection.execute(query):
            by_candle[opened] = {
                int(place): text for place, text in (json.loads(texts) or {}).items()
            }
    return by_candle


def text_columns(connection: sa.Connection, bot_id: int) -> set[str]:
    """Names of the columns that hold text in any stored row."""
    layouts = {
        row.id: row.columns
        for row in connection.execute(
            sa.select(layout.c.id, layout.c.columns).where(layout.c.bot_id == bot_id)
        )
    }
    rows = connection.execute(
        sa.select(_ROW.c.layout_id, _TEXTS).where(_ROW.c.bot_id == bot_id, _TEXTS.is_not(None))
    )
    return {
        layouts[layout_id][int(position)]
        for layout_id, texts in rows
        for position in json.loads(texts) or ()
    }
