"""Store candles and keep every version that a source ever gave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.candles.revisions import digest, is_equal, is_unfinished, layers, matrix
from core.market import OHLCV
from core.storage.changes import Subject, note_changes
from core.storage.sql import raw, upsert
from core.storage.tables import candle, candle_revision, candle_source
from core.times import to_us, us_from_index


@dataclass(frozen=True, slots=True)
class StoredPull:
    """Candles that were new, candles whose current version changed, versions found unfinished."""

    new: int = 0
    changed: int = 0
    unfinished: int = 0

    def __add__(self, other: "StoredPull") -> "StoredPull":
        return StoredPull(
            self.new + other.new,
            self.changed + other.changed,
            self.unfinished + other.unfinished,
        )


def ensure_source(conn: sa.Connection, bot_id: int, name: str) -> int:
    """The id of a bot's candle source, created when it is new."""
    where = (candle_source.c.bot_id == bot_id, candle_source.c.name == name)
    source_id = conn.execute(sa.select(candle_source.c.id).where(*where)).scalar()
    if source_id is None:
        conn.execute(sa.insert(candle_source).values(bot_id=bot_id, name=name, state={}))
        source_id = conn.execute(sa.select(candle_source.c.id).where(*where)).scalar_one()
    return int(source_id)


def write_source_state(conn: sa.Connection, source_id: int, state: dict[str, Any]) -> None:
    """Replace what is known about a source (files read, problem, since when)."""
    conn.execute(
        sa.update(candle_source).where(candle_source.c.id == source_id).values(state=state)
    )


def store_candles(
    conn: sa.Connection, source_id: int, candles: pd.DataFrame, *, origin: str, now: datetime
) -> StoredPull:
    """Store a pull's closed candles; a contradicted candle keeps both versions.

    The later pull is current, unless it is an early look at the stored version.
    A version that this origin gave before was judged then and changes nothing.
    """
    stored = StoredPull()
    for layer in layers(candles):
        stored += _store_layer(conn, source_id, layer, origin, now)
    return stored


def store_unfinished(
    conn: sa.Connection, source_id: int, candles: pd.DataFrame, *, origin: str, now: datetime
) -> int:
    """Keep rows that were pulled before their candle closed as versions that are never current."""
    opens, numbers = us_from_index(candles["candle_open"]), matrix(candles)
    rows = [
        _revision(source_id, int(opens[i]), numbers[i], origin, True, now)
        for i in range(len(candles))
    ]
    known = _known(conn, source_id, opens)
    fresh = [row for row in rows if _key(row) not in known]
    if fresh:
        conn.execute(sa.insert(raw(candle_revision)), fresh)
    return len(fresh)


def mark_unfinished(
    conn: sa.Connection, source_id: int, opens_us: npt.NDArray[np.int64], *, now: datetime
) -> int:
    """Take current candles back that turned out to have been pulled while they were open."""
    current = _current(conn, source_id, opens_us)
    for open_us, row in current.items():
        _record(conn, [_revision(source_id, open_us, row["numbers"], row["origin"], True, now)])
    table = raw(candle)
    for open_us in current:
        conn.execute(
            sa.delete(table).where(table.c.source_id == source_id, table.c.candle_open == open_us)
        )
    _note(conn, source_id, list(current))
    return len(current)


def _store_layer(
    conn: sa.Connection, source_id: int, layer: pd.DataFrame, origin: str, now: datetime
) -> StoredPull:
    opens, numbers = us_from_index(layer["candle_open"]), matrix(layer)
    current = _current(conn, source_id, opens)
    stored = [current.get(int(open_us)) for open_us in opens]
    before = np.array([row["numbers"] if row else np.full(5, np.nan) for row in stored])
    rest = np.flatnonzero(~is_equal(before.reshape(-1, 5), numbers))
    known = _known(conn, source_id, opens[rest])
    if known:
        rest = np.array(
            [i for i in rest if (int(opens[i]), digest(numbers[i]), origin) not in known], dtype=int
        )
    new = np.array([i for i in rest if stored[i] is None], dtype=int)
    _write_current(conn, source_id, opens[new], numbers[new], origin, None)
    other = np.array([i for i in rest if stored[i] is not None], dtype=int)
    if not len(other):
        return StoredPull(new=len(new))
    versions = opens[other], numbers[other]
    return StoredPull(len(new), *_resolve(conn, source_id, *versions, current, origin, now))


def _resolve(
    conn: sa.Connection,
    source_id: int,
    opens: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.float64],
    current: dict[int, dict[str, Any]],
    origin: str,
    now: datetime,
) -> tuple[int, int]:
    """Contradicted candles: keep both versions; the finished, else the later one is current."""
    before = np.array([current[int(open_us)]["numbers"] for open_us in opens])
    was_unfinished = is_unfinished(before, numbers)
    comes_unfinished = is_unfinished(numbers, before)
    rows = []
    for i, open_us in enumerate(opens.tolist()):
        old = current[open_us]
        rows.append(
            _revision(
                source_id, open_us, old["numbers"], old["origin"], bool(was_unfinished[i]), now
            )
        )
        rows.append(
            _revision(source_id, open_us, numbers[i], origin, bool(comes_unfinished[i]), now)
        )
    _record(conn, rows)
    wins = ~comes_unfinished
    revisions = [current[int(open_us)]["revision"] + 1 for open_us in opens[wins]]
    _write_current(conn, source_id, opens[wins], numbers[wins], origin, revisions)
    return int(wins.sum()), int(was_unfinished.sum() + comes_unfinished.sum())


def _write_current(
    conn: sa.Connection,
    source_id: int,
    opens: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.float64],
    origin: str,
    revisions: list[int] | None,
) -> None:
    rows = [
        {
            "source_id": source_id,
            "candle_open": open_us,
            **dict(zip(OHLCV, values, strict=True)),
            "origin": origin,
            "revision": 0 if revisions is None else revisions[i],
        }
        for i, (open_us, values) in enumerate(zip(opens.tolist(), numbers.tolist(), strict=True))
    ]
    upsert(conn, raw(candle), rows)
    _note(conn, source_id, opens)


def _note(conn: sa.Connection, source_id: int, opens: npt.ArrayLike) -> None:
    """Tell what builds on candles which current ones are new, others or gone."""
    bot_id = conn.scalar(sa.select(candle_source.c.bot_id).where(candle_source.c.id == source_id))
    if bot_id is not None:
        note_changes(conn, bot_id, Subject.CANDLE, opens)


def _record(conn: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Insert versions; one that is there already only learns whether it was unfinished."""
    table = raw(candle_revision)
    for row in rows:
        where = [table.c[name] == row[name] for name in _VERSION]
        changed = conn.execute(
            sa.update(table).where(*where).values(is_unfinished=row["is_unfinished"])
        )
        if not changed.rowcount:
            conn.execute(sa.insert(table), row)


_VERSION = ("source_id", "candle_open", "sha256", "origin")


def _revision(
    source_id: int,
    open_us: int,
    numbers: npt.NDArray[np.float64],
    origin: str,
    unfinished: bool,
    now: datetime,
) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "candle_open": open_us,
        **dict(zip(OHLCV, np.asarray(numbers).tolist(), strict=True)),
        "origin": origin,
        "is_unfinished": unfinished,
        "sha256": digest(numbers),
        "seen_at": to_us(now),
    }


def _key(row: dict[str, Any]) -> tuple[int, str, str]:
    return row["candle_open"], row["sha256"], row["origin"]


def _current(
    conn: sa.Connection, source_id: int, opens: npt.NDArray[np.int64]
) -> dict[int, dict[str, Any]]:
    """Stored candles between the first and last of `opens`, by candle open."""
    if not len(opens):
        return {}
    table = raw(candle)
    wanted = set(opens.tolist())
    rows = conn.execute(
        sa.select(
            table.c.candle_open,
            *(table.c[name] for name in OHLCV),
            table.c.origin,
            table.c.revision,
        ).where(
            table.c.source_id == source_id,
            table.c.candle_open.between(int(opens.min()), int(opens.max())),
        )
    )
    return {
        row[0]: {"numbers": np.array(row[1:6]), "origin": row[6], "revision": row[7]}
        for row in rows
        if row[0] in wanted
    }


def _known(
    conn: sa.Connection, source_id: int, opens: npt.NDArray[np.int64]
) -> set[tuple[int, str, str]]:
    """Versions already recorded for these candles: (candle_open, sha256, origin)."""
    if not len(opens):
        return set()
    table = raw(candle_revision)
    rows = conn.execute(
        sa.select(table.c.candle_open, table.c.sha256, table.c.origin).where(
            table.c.source_id == source_id,
            table.c.candle_open.between(int(opens.min()), int(opens.max())),
        )
    )
    return {(row[0], row[1], row[2]) for row in rows}
