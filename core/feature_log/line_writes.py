"""Lines that are no rows: drifted ones, whatever became of them, and quarantined ones."""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.feature_log.batch import Rejected
from core.feature_log.drifted import Drifted, before_document, before_of
from core.feature_log.kept_lines import CONFLICT, QUARANTINE_NAMES
from core.feature_log.layout import Layout
from core.feature_log.ledger import Ledger
from core.storage.sql import insert_many, raw
from core.storage.tables import drifted_line, quarantine
from core.tailing.precedence import Place

_DRIFTED = raw(drifted_line)
_QUARANTINE = raw(quarantine)
_DRIFTED_NAMES = tuple(column.name for column in _DRIFTED.columns)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class KeptDrift:
    """A drifted line with the answer that was found for it: a row of a candle, or none."""

    place: Place
    drifted: Drifted
    layout_id: int | None
    candle_open: int | None
    row_hash: bytes | None


def sha256(raw_line: bytes) -> str:
    return hashlib.sha256(raw_line).hexdigest()


def reject(ledger: Ledger, place: Place, line: Rejected) -> None:
    """Put a line into quarantine."""
    row = (
        ledger.bot_id,
        *place,
        line.offset,
        line.length,
        line.reason,
        line.detail,
        None,
        line.raw,
        line.sha256,
        None,
        None,
        None,
    )
    insert_many(ledger.connection, _QUARANTINE, QUARANTINE_NAMES, [row])
    ledger.count(place.file_id, "quarantined", 1)


def unplaced(drifted: Drifted, reason: str, detail: str) -> Rejected:
    """A drifted line that no layout, or several, fit."""
    return Rejected(
        drifted.line,
        drifted.offset,
        len(drifted.raw),
        drifted.raw,
        sha256(drifted.raw),
        reason,
        detail,
    )


def release(ledger: Ledger, place: Place) -> None:
    """Take a line that was no row out of quarantine."""
    c = _QUARANTINE.c
    ledger.connection.execute(
        sa.delete(_QUARANTINE).where(
            c.file_id == place.file_id, c.generation == place.generation, c.line == place.line
        )
    )
    ledger.count(place.file_id, "quarantined", -1)


def explain(ledger: Ledger, place: Place, reason: str, detail: str) -> None:
    """Give a quarantined line its present reason."""
    c = _QUARANTINE.c
    ledger.connection.execute(
        sa.update(_QUARANTINE)
        .where(c.file_id == place.file_id, c.generation == place.generation, c.line == place.line)
        .values(reason=reason, detail=detail)
    )


def earlier_quarantined(ledger: Ledger, file_id: int, generation: int) -> dict[str, list[Place]]:
    """Lines of earlier contents of a file that are in quarantine as no rows, by their sha256."""
    c = _QUARANTINE.c
    query = (
        sa.select(c.sha256, c.generation, c.line)
        .where(c.file_id == file_id, c.generation < generation, c.reason != CONFLICT)
        .order_by(c.generation, c.line)
    )
    places: dict[str, list[Place]] = {}
    for digest, number, line in ledger.connection.execute(query):
        places.setdefault(digest, []).append(Place(file_id, number, line))
    return places


def keep_drifted(ledger: Ledger, kept: Sequence[KeptDrift], ids: Mapping[Layout, int]) -> None:
    """Keep drifted lines, so that they can be asked again when more is known."""
    rows = [
        (
            *line.place,
            ledger.bot_id,
            line.drifted.offset,
            zlib.compress(line.drifted.raw, 1),
            None if line.drifted.header is None else ids[line.drifted.header],
            line.drifted.reason,
            line.drifted.detail,
            json.dumps(before_document(line.drifted.before)),
            line.layout_id,
            line.candle_open,
            line.row_hash,
        )
        for line in kept
    ]
    insert_many(ledger.connection, _DRIFTED, _DRIFTED_NAMES, rows)


def answer_drifted(ledger: Ledger, line: KeptDrift) -> None:
    """Keep another answer for a drifted line."""
    ledger.connection.execute(
        sa.update(_DRIFTED)
        .where(*_at(line.place))
        .values(layout_id=line.layout_id, candle_open=line.candle_open, row_hash=line.row_hash)
    )


def forget_drifted(ledger: Ledger, place: Place) -> None:
    """Drop a drifted line that has been read again elsewhere."""
    ledger.connection.execute(sa.delete(_DRIFTED).where(*_at(place)))


def forget_lines(ledger: Ledger, file_ids: Sequence[int]) -> None:
    """Drop what these files hold that is no row: drifted lines, and the rest in quarantine."""
    c = _QUARANTINE.c
    gone = sa.delete(_QUARANTINE).where(c.file_id.in_(file_ids)).returning(c.file_id)
    for file_id in list(ledger.connection.scalars(gone)):
        ledger.count(file_id, "quarantined", -1)
    ledger.connection.execute(sa.delete(_DRIFTED).where(_DRIFTED.c.file_id.in_(file_ids)))


def read_drifted(
    connection: sa.Connection, bot_id: int, layouts: Mapping[int, Layout], after: Place | None
) -> list[KeptDrift]:
    """The next drifted lines of a bot in the order of their places."""
    c = _DRIFTED.c
    key = sa.tuple_(c.file_id, c.generation, c.line)
    query = sa.select(_DRIFTED).where(c.bot_id == bot_id)
    if after is not None:
        query = query.where(key > sa.tuple_(*(sa.literal(number) for number in after)))
    query = query.order_by(c.file_id, c.generation, c.line).limit(_PAGE)
    return [_kept(row, layouts) for row in connection.execute(query)]


def has_drifted(connection: sa.Connection, bot_id: int) -> bool:
    """Whether any drifted line is kept."""
    query = sa.select(_DRIFTED.c.line).where(_DRIFTED.c.bot_id == bot_id).limit(1)
    return connection.execute(query).first() is not None


def _kept(row: Any, layouts: Mapping[int, Layout]) -> KeptDrift:
    drifted = Drifted(
        row.line,
        row.offset,
        zlib.decompress(row.raw),
        None if row.header_id is None else layouts[row.header_id],
        row.reason,
        row.detail,
        before_of(row.before),
    )
    place = Place(row.file_id, row.generation, row.line)
    row_hash = None if row.row_hash is None else bytes(row.row_hash)
    return KeptDrift(place, drifted, row.layout_id, row.candle_open, row_hash)


def _at(place: Place) -> Iterator[Any]:
    c = _DRIFTED.c
    yield c.file_id == place.file_id
    yield c.generation == place.generation
    yield c.line == place.line
