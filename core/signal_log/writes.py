"""Lines of signal logs, which of them count, and the signals that these emit."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.market import SIDES, Origin, Side
from core.signal_log.entry import Entry
from core.signal_log.verdicts import Line, judge_candle
from core.signals.reads import read_series
from core.signals.writes import delete_signals, ensure_series, upsert_signals
from core.storage.changes import Span
from core.storage.sql import raw
from core.storage.tables import log_file, signal_line
from core.tailing.files import LogFile
from core.tailing.precedence import Place, Status, Verdict, order
from core.times import index_from_us, to_us

_LINE = raw(signal_line)
_VALUES = ("long", "short", "price", "long_step", "short_step", "price_step")
_IN_ONE_QUERY = 500


def insert_lines(
    connection: sa.Connection,
    bot_id: int,
    log: str,
    position: int,
    places: Sequence[Place],
    entries: Sequence[Entry],
) -> set[int]:
    """Store parsed lines (`places`: one an entry); returns their candle opens (stored µs).

    Which of them count is decided by `settle`.
    """
    rows = [
        {
            "bot_id": bot_id,
            "log": log,
            "position": position,
            **place._asdict(),
            "row_open": None if entry.row_open is None else to_us(entry.row_open),
            "candle_open": None if entry.candle_open is None else to_us(entry.candle_open),
            "logged_at": None if entry.logged_at is None else to_us(entry.logged_at),
            **{name: getattr(entry, name) for name in _VALUES},
            "status": str(Status.REJECTED if entry.is_rejected else Status.USED),
            "reason": entry.reason,
            "raw": entry.raw,
            "sha256": entry.sha256,
        }
        for place, entry in zip(places, entries, strict=True)
    ]
    if rows:
        connection.execute(sa.insert(_LINE), rows)
    return {row["candle_open"] for row in rows if row["candle_open"] is not None}


def claim_lines(
    connection: sa.Connection, bot_id: int, log: str, file: LogFile, entries: Sequence[Entry]
) -> tuple[list[Entry], set[int]]:
    """Move lines of earlier contents of a file to where they stand now.

    Returns the entries that no earlier line says, and the candle opens of those moved.
    """
    waiting = _earlier_lines(connection, bot_id, log, file, entries)
    fresh, moved, touched = [], [], set()
    for entry in entries:
        key = (None if entry.candle_open is None else to_us(entry.candle_open), entry.sha256)
        if not waiting[key]:
            fresh.append(entry)
            continue
        moved.append({"line_id": waiting[key].pop(0), "now": entry.line})
        if key[0] is not None:
            touched.add(key[0])
    if moved:
        connection.execute(
            sa.update(_LINE)
            .where(_LINE.c.id == sa.bindparam("line_id"))
            .values(generation=file.generation, line=sa.bindparam("now")),
            moved,
        )
    return fresh, touched


def _earlier_lines(
    connection: sa.Connection, bot_id: int, log: str, file: LogFile, entries: Sequence[Entry]
) -> dict[tuple[int | None, str], list[int]]:
    """Ids of lines of earlier contents by candle open (stored µs) and sha256, in their order."""
    opens = sorted({to_us(it.candle_open) for it in entries if it.candle_open is not None})
    spoken_of = [
        _LINE.c.candle_open.in_(opens[at : at + _IN_ONE_QUERY])
        for at in range(0, len(opens), _IN_ONE_QUERY)
    ]
    found: dict[tuple[int | None, str], list[int]] = defaultdict(list)
    for where in (*spoken_of, _LINE.c.candle_open.is_(None)):
        query = sa.select(_LINE.c.candle_open, _LINE.c.sha256, _LINE.c.id).where(
            *(_LINE.c.bot_id == bot_id, _LINE.c.log == log, _LINE.c.file_id == file.id),
            *(_LINE.c.generation < file.generation, where),
        )
        for opened, sha256, line_id in connection.execute(
            query.order_by(_LINE.c.generation, _LINE.c.line)
        ):
            found[opened, sha256].append(line_id)
    return found


def contested_opens(connection: sa.Connection, bot_id: int, file_ids: Sequence[int]) -> list[int]:
    """Candles (stored µs) that several lines speak of, one of them in these files."""
    is_theirs = sa.func.max(sa.case((_LINE.c.file_id.in_(file_ids), 1), else_=0))
    query = (
        sa.select(_LINE.c.candle_open)
        .where(_LINE.c.bot_id == bot_id, _LINE.c.candle_open.is_not(None))
        .group_by(_LINE.c.candle_open)
        .having(sa.func.count() > 1, is_theirs == 1)
    )
    return list(connection.scalars(query))


def delete_log(connection: sa.Connection, bot_id: int, log: str) -> set[int]:
    """Forget every line and file of a log; returns the candle opens that it spoke of."""
    is_it = sa.and_(_LINE.c.bot_id == bot_id, _LINE.c.log == log)
    touched = _opens(connection, is_it)
    connection.execute(sa.delete(_LINE).where(is_it))
    connection.execute(
        sa.delete(log_file).where(log_file.c.bot_id == bot_id, log_file.c.log == file_log(log))
    )
    return touched


def delete_rows_lines(
    connection: sa.Connection, bot_id: int, log: str, first: int, last: int
) -> set[int]:
    """Forget the lines that stand in feature rows of a span; returns their candle opens."""
    is_it = sa.and_(
        _LINE.c.bot_id == bot_id, _LINE.c.log == log, _LINE.c.row_open.between(first, last)
    )
    touched = _opens(connection, is_it)
    connection.execute(sa.delete(_LINE).where(is_it))
    return touched


def place_log(connection: sa.Connection, bot_id: int, log: str, position: int) -> set[int]:
    """Store the place of a log in the configuration; returns the candle opens concerned."""
    is_it = sa.and_(_LINE.c.bot_id == bot_id, _LINE.c.log == log, _LINE.c.position != position)
    touched = _opens(connection, is_it)
    connection.execute(sa.update(_LINE).where(is_it).values(position=position))
    return touched


def settle(
    connection: sa.Connection, bot_id: int, candle_opens: Iterable[int], run_id: int | None = None
) -> None:
    """Decide anew which lines of these candles (stored µs) count, and store what they emit."""
    opens = sorted(set(candle_opens))
    if not opens:
        return
    series_id = ensure_series(connection, bot_id, Origin.EMITTED)
    for at in range(0, len(opens), _IN_ONE_QUERY):
        part = opens[at : at + _IN_ONE_QUERY]
        found = _lines_of(connection, bot_id, part)
        verdicts = {
            opened: judge_candle([line for line, _ in lines]) for opened, lines in found.items()
        }
        _update_statuses(connection, verdicts, found)
        _store_emitted(connection, bot_id, series_id, part, verdicts, run_id)


def file_log(log: str) -> str:
    """How log_file names a signal log, apart from the feature log."""
    return f"signal_log:{log}"


def _opens(connection: sa.Connection, is_it: sa.ColumnElement[bool]) -> set[int]:
    query = sa.select(_LINE.c.candle_open).distinct()
    return set(connection.scalars(query.where(is_it, _LINE.c.candle_open.is_not(None))))


def _lines_of(
    connection: sa.Connection, bot_id: int, opens: list[int]
) -> dict[int, list[tuple[Line, str]]]:
    """Lines that say something about these candles, in their order, with their status."""
    names = ("candle_open", "status", "position", "file_id", "generation", "line", "id", *_VALUES)
    query = (
        sa.select(log_file.c.path, *(_LINE.c[name] for name in names))
        .join(log_file, log_file.c.id == _LINE.c.file_id)
        .where(
            _LINE.c.bot_id == bot_id,
            _LINE.c.log.in_(sa.select(_LINE.c.log).where(_LINE.c.bot_id == bot_id).distinct()),
            _LINE.c.candle_open.in_(opens),
            _LINE.c.status != str(Status.REJECTED),
        )
    )
    found: dict[int, list[tuple[Line, str]]] = defaultdict(list)
    for row in sorted(connection.execute(query), key=_order):
        values = {name: getattr(row, name) for name in _VALUES}
        found[row.candle_open].append((Line(id=row.id, **values), row.status))
    return found


def _order(row: Any) -> tuple[int, str, int, int, int]:
    place = Place(row.file_id, row.generation, row.line)
    return (*order(row.path, place, row.position), row.id)


def _update_statuses(
    connection: sa.Connection,
    verdicts: dict[int, Verdict[Line, Side]],
    found: dict[int, list[tuple[Line, str]]],
) -> None:
    changed = [
        {"line_id": line.id, "new_status": str(now)}
        for opened, lines in found.items()
        for (line, status), now in zip(lines, verdicts[opened].statuses, strict=True)
        if status != now
    ]
    if changed:
        connection.execute(
            sa.update(_LINE)
            .where(_LINE.c.id == sa.bindparam("line_id"))
            .values(status=sa.bindparam("new_status")),
            changed,
        )


def _store_emitted(
    connection: sa.Connection,
    bot_id: int,
    series_id: int,
    opens: list[int],
    verdicts: dict[int, Verdict[Line, Side]],
    run_id: int | None,
) -> None:
    """Upsert what the winners say, and remove signals that no line says any longer."""
    rows: list[tuple[Any, ...]] = []
    for opened in opens:
        winners: dict[Side, Line] = verdicts[opened].winners if opened in verdicts else {}
        for side in SIDES:
            if side in winners:
                line = winners[side]
                value, step = line.value(side), line.step(side)
                rows.append((opened, str(side), value, step, line.price, line.price_step))
    columns = ["candle_open", "side", "probability", "step", "price", "price_step"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.assign(candle_open=index_from_us(frame["candle_open"])).astype(
        dict.fromkeys(columns[2:], "float64")
    )
    window = index_from_us([opens[0], opens[-1] + 1])
    stored = read_series(
        connection, bot_id, Origin.EMITTED, "", window[0].to_pydatetime(), window[1].to_pydatetime()
    )
    stored = stored[stored["candle_open"].isin(index_from_us(opens))]
    keys = ["candle_open", "side"]
    gone = ~pd.MultiIndex.from_frame(stored[keys]).isin(pd.MultiIndex.from_frame(frame[keys]))
    delete_signals(connection, series_id, stored[np.asarray(gone)])
    upsert_signals(connection, series_id, frame, run_id)


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
