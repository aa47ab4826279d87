"""A file's last row against what the bot itself logged of that candle.

A pull often ends in a candle that was still open, and until the next pull
nothing in the files says so. The bot logs a candle after it closed: where its
log holds the same open with more volume and wider high and low, the file's row
was pulled too early.
"""

from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from core.candles.reads import FEATURE_LOG, read_candles, read_numbers
from core.candles.revisions import is_unfinished, matrix
from core.candles.writes import StoredPull, mark_unfinished
from core.times import from_us, us_from_index


def withdraw_unfinished(
    conn: sa.Connection, bot_id: int, source_id: int, state: dict[str, Any], *, now: datetime
) -> StoredPull:
    """Take back last rows of files that the bot's own candles show to be unfinished."""
    taken_back = StoredPull()
    for open_us in _last_rows(state):
        current = read_numbers(conn, source_id, open_us)
        moment = from_us(open_us)
        logged = read_candles(conn, bot_id, FEATURE_LOG, moment, from_us(open_us + 1))
        if current is None or logged.empty:
            continue
        if is_unfinished(current[None], matrix(logged))[0]:
            opens = us_from_index(logged["candle_open"])
            taken_back += StoredPull(unfinished=mark_unfinished(conn, source_id, opens, now=now))
    return taken_back


def _last_rows(state: dict[str, Any]) -> list[int]:
    lasts = {entry.get("last") for entry in state.get("files", {}).values()}
    return sorted(np.array([last for last in lasts if last is not None], dtype=np.int64).tolist())
