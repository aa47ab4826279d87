"""Lines of signal logs, which of them count, and the signals that these emit."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.market import Origin
from core.signal_log.entry import Entry, Values
from core.signal_log.verdicts import Line, judge_candle
from core.signals.writes import ensure_series, replace_signals
from core.storage.changes import Span
from core.storage.sql import fetch_tuples, insert_many, raw
from core.storage.tables import log_file, signal_line
from core.tailing.files import LogFile
from core.tailing.precedence import Place, Status, order

_LINE = raw(signal_line)
_NAMES = (
    *("bot_id", "log", *Place._fields, "position", "row_open", "candle_open", "logged_at"),
    *Values._fields,
    *("status", "reason", "raw", "sha256"),
)
_LINE_AT = 7  # where the fields of Line begin in a row of _lines_of
_IN_ONE_RANGE = 8192
_FAR_US = 3_600_000_000


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
        (
            *(bot_id, log, *place, position, it.row_open, it.candle_open, it.logged_at),
            *it.values,
            *(str(Status.REJECTED if it.is_rejected else Status.USED), it.reason),
            *(it.raw, it.sha256),
        )
        for place, it in zip(places, entries, strict=True)
    ]
    insert_many(connection, _LINE, _NAMES, rows)
    return {it.candle_open for it in entries if it.candle_open is not None}


def claim_lines(
    connection: sa.Connection, bot_id: int, log: str, file: LogFile, entries: Sequence[Entry]
) -> tuple[list[Entry], set[int]]:
    """Move lines of earlier contents of a file to where they stand now.

    Returns the entries that no earlier line says, and the candle opens of those moved.
    """
    waiting = _earlier_lines(connection, bot_id, log, file, entries)
    fresh, moved, touched = [], [], set()
    for entry in entries:
        key = (entry.candle_open, entry.sha256)
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
    opens = sorted({it.candle_open for it in entries if it.candle_open is not None})
    spoken_of = [_LINE.c.candle_open.between(part[0], part[-1]) for part in _stretches(opens)]
    earlier: dict[tuple[int | None, str], list[int]] = defaultdict(list)
    for where in (*spoken_of, _LINE.c.candle_open.is_(None)):
        query = sa.select(_LINE.c.candle_open, _LINE.c.sha256, _LINE.c.id).where(
            *(_LINE.c.bot_id == bot_id, _LINE.c.log == log, _LINE.c.file_id == file.id),
            *(_LINE.c.generation < file.generation, where),
        )
        for opened, sha256, line_id in connection.execute(
            query.order_by(_LINE.c.generation, _LINE.c.line)
        ):
            earlier[opened, sha256].append(line_id)
    return earlier


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


def settle(connection: sa.Connection, bot_id: int, candle_opens: Iterable[int]) -> None:
    """Decide anew which lines of these candles (stored µs) count, and store what they emit."""
    opens = sorted(set(candle_opens))
    if not opens:
        return
    series_id = ensure_series(connection, bot_id, Origin.EMITTED)
    for part in _stretches(opens):
        changed: list[tuple[int, Status]] = []
        emitted: dict[tuple[str, int], tuple[float | None, ...]] = {}
        for opened, rows in _lines_of(connection, bot_id, part).items():
            verdict = judge_candle([Line(*row[_LINE_AT:]) for row in rows])
            changed += [
                (row[_LINE_AT], now)
                for row, now in zip(rows, verdict.statuses, strict=True)
                if row[1] != now
            ]
            for side, line in verdict.winners.items():
                said = (line.value(side), line.step(side), line.price, line.price_step)
                emitted[side.value, opened] = said
        _update_statuses(connection, changed)
        replace_signals(connection, series_id, part, emitted)


def _stretches(opens: Sequence[int]) -> Iterator[Sequence[int]]:
    """Candle opens in order, cut where a range of them would hold many candles besides."""
    start = 0
    for at in range(1, len(opens) + 1):
        is_end = at == len(opens) or at - start == _IN_ONE_RANGE
        if is_end or opens[at] - opens[at - 1] > _FAR_US:
            yield opens[start:at]
            start = at


def file_log(log: str) -> str:
    """How log_file names a signal log, apart from the feature log."""
    return f"signal_log:{log}"


def _opens(connection: sa.Connection, is_it: sa.ColumnElement[bool]) -> set[int]:
    query = sa.select(_LINE.c.candle_open).distinct()
    return set(connection.scalars(query.where(is_it, _LINE.c.candle_open.is_not(None))))


def _lines_of(
    connection: sa.Connection, bot_id: int, opens: Sequence[int]
) -> dict[int, list[tuple[Any, ...]]]:
    """Rows of lines that say something about these candles, in their order, by candle open.

    A row: candle open, status, position, path, its Place, and the fields of Line.
    """
    names = ("candle_open", "status", "position")
    place = (log_file.c.path, _LINE.c.file_id, _LINE.c.generation, _LINE.c.line)
    query = (
        sa.select(*(_LINE.c[name] for name in names), *place, *(_LINE.c[n] for n in Line._fields))
        .join(log_file, log_file.c.id == _LINE.c.file_id)
        .where(
            _LINE.c.bot_id == bot_id,
            _LINE.c.log.in_(sa.select(_LINE.c.log).where(_LINE.c.bot_id == bot_id).distinct()),
            _LINE.c.candle_open.between(opens[0], opens[-1]),
            _LINE.c.status != str(Status.REJECTED),
        )
    )
    concerned = set(opens)
    by_open: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in fetch_tuples(connection, query):
        if row[0] in concerned:
            by_open[row[0]].append(row)
    for rows in by_open.values():
        if len(rows) > 1:
            rows.sort(key=_order)
    return by_open


def _order(row: tuple[Any, ...]) -> tuple[int, str, int, int, int]:
    _, _, position, path, *place, line_id = row[: _LINE_AT + 1]
    return (*order(path, Place(*place), position), line_id)


def _update_statuses(connection: sa.Connection, changed: Sequence[tuple[int, Status]]) -> None:
    if changed:
        connection.execute(
            sa.update(_LINE)
            .where(_LINE.c.id == sa.bindparam("line_id"))
            .values(status=sa.bindparam("new_status")),
            [{"line_id": line_id, "new_status": str(now)} for line_id, now in changed],
        )


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
    bounds = (
        [sa.true()] if spans is None else [_LINE.c.candle_open.between(*span) for span in spans]
    )
    for bound in bounds:
        connection.execute(sa.update(_LINE).where(is_it, bound).values(is_price_match=None))
