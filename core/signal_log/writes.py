"""Signal logs: how far each file was read, its lines, which count, and the signals they emit."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.market import SIDES, Origin, Side
from core.signal_log.entry import Entry
from core.signal_log.verdicts import CandleVerdict, Line, Status, judge_candle
from core.signals.reads import read_series
from core.signals.writes import delete_signals, ensure_series, upsert_signals
from core.storage.changes import Span
from core.storage.sql import raw
from core.storage.tables import log_file, signal_line
from core.times import index_from_us, to_us

_LINE = raw(signal_line)
_VALUES = ("long", "short", "price", "long_step", "short_step", "price_step")
_IN_ONE_QUERY = 500


@dataclass(slots=True)
class SignalFile:
    """How far a file was read; `state`: its fingerprint, and what its parser needs to go on."""

    id: int
    path: str
    offset: int = 0
    line: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None


def insert_lines(
    connection: sa.Connection,
    bot_id: int,
    log: str,
    position: int,
    file_ids: Sequence[int],
    entries: Sequence[Entry],
) -> set[int]:
    """Store parsed lines (`file_ids`: one an entry); returns their candle opens (stored µs).

    Which of them count is decided by `settle`.
    """
    rows = [
        {
            "bot_id": bot_id,
            "log": log,
            "position": position,
            "file_id": file_id,
            "line": entry.line,
            "row_open": None if entry.row_open is None else to_us(entry.row_open),
            "candle_open": None if entry.candle_open is None else to_us(entry.candle_open),
            "logged_at": None if entry.logged_at is None else to_us(entry.logged_at),
            **{name: getattr(entry, name) for name in _VALUES},
            "status": str(Status.REJECTED if entry.is_rejected else Status.USED),
            "reason": entry.reason,
            "raw": entry.raw,
            "sha256": entry.sha256,
        }
        for file_id, entry in zip(file_ids, entries, strict=True)
    ]
    if rows:
        connection.execute(sa.insert(_LINE), rows)
    return {row["candle_open"] for row in rows if row["candle_open"] is not None}


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
    """Lines that say something about these candles, in order of precedence, with their status."""
    columns = [_LINE.c[name] for name in ("candle_open", "status", "id", *_VALUES)]
    query = (
        sa.select(*columns)
        .join(log_file, log_file.c.id == _LINE.c.file_id)
        .where(
            _LINE.c.bot_id == bot_id,
            _LINE.c.log.in_(sa.select(_LINE.c.log).where(_LINE.c.bot_id == bot_id).distinct()),
            _LINE.c.candle_open.in_(opens),
            _LINE.c.status != str(Status.REJECTED),
        )
        .order_by(_LINE.c.position, log_file.c.path, _LINE.c.line, _LINE.c.id)
    )
    found: dict[int, list[tuple[Line, str]]] = defaultdict(list)
    for row in connection.execute(query):
        values = {name: getattr(row, name) for name in _VALUES}
        found[row.candle_open].append((Line(id=row.id, **values), row.status))
    return found


def _update_statuses(
    connection: sa.Connection,
    verdicts: dict[int, CandleVerdict],
    found: dict[int, list[tuple[Line, str]]],
) -> None:
    changed = [
        {"line_id": line.id, "new_status": str(verdicts[opened].statuses[line.id])}
        for opened, lines in found.items()
        for line, status in lines
        if status != verdicts[opened].statuses[line.id]
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
    verdicts: dict[int, CandleVerdict],
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


def read_signal_files(connection: sa.Connection, bot_id: int, log: str) -> dict[str, SignalFile]:
    """The files of a signal log by path."""
    names = ("id", "path", "offset", "line", "state", "problem")
    rows = connection.execute(
        sa.select(*(log_file.c[name] for name in names)).where(
            log_file.c.bot_id == bot_id, log_file.c.log == file_log(log)
        )
    )
    return {row.path: SignalFile(*row) for row in rows}


def add_signal_file(connection: sa.Connection, bot_id: int, log: str, path: str) -> SignalFile:
    """A file that was not known; nothing of it is read yet."""
    made = sa.insert(log_file).values(
        bot_id=bot_id, log=file_log(log), path=path, offset=0, line=0, state={}
    )
    return SignalFile(int(connection.execute(made.returning(log_file.c.id)).scalar_one()), path)


def save_signal_file(connection: sa.Connection, file: SignalFile, now: datetime) -> None:
    """Keep how far a file was read, in the transaction of its lines."""
    connection.execute(
        sa.update(log_file)
        .where(log_file.c.id == file.id)
        .values(
            offset=file.offset,
            line=file.line,
            state=file.state,
            problem=file.problem,
            read_at=now,
        )
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
    bounds = [sa.true()] if spans is None else [_LINE.c.candle_open.between(*one) for one in spans]
    for bound in bounds:
        connection.execute(sa.update(_LINE).where(is_it, bound).values(is_price_match=None))
