"""Comparisons, their pairs and daily roll-ups, and which days wait to be paired."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.signals.due_days import _PAIR_DUE, mark_all_due
from core.storage.sql import raw, upsert
from core.storage.tables import comparison, pair, pair_day, pair_due

_PAIR = raw(pair)
_PAIR_DAY = raw(pair_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSpec:
    """A comparison as the configuration has it; `pairing` changes when its pairs must be remade."""

    name: str
    tolerance: float | None
    spec: Mapping[str, Any]
    pairing: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a comparison needs a name")
        if self.tolerance is not None and not 0 <= self.tolerance <= 1:
            raise ValueError(f"tolerance {self.tolerance} of {self.name} is no probability (0..1)")


def store_comparisons(
    connection: sa.Connection, bot_id: int, specs: Sequence[ComparisonSpec]
) -> dict[str, int]:
    """Make the stored comparisons those of the configuration; returns ids by name.

    A comparison that is new or judged by other rules gets all its days due; one
    that left the configuration loses its pairs (its signals stay).
    """
    known = {
        row.name: row
        for row in connection.execute(sa.select(comparison).where(comparison.c.bot_id == bot_id))
    }
    ids = {
        spec.name: _store_comparison(connection, bot_id, position, spec, known.get(spec.name))
        for position, spec in enumerate(specs)
    }
    for name, row in known.items():
        if name not in ids and row.is_configured:
            _retire(connection, row.id)
    return ids


def write_pairs(
    connection: sa.Connection,
    comparison_id: int,
    changed: Sequence[Mapping[str, Any]],
    vanished: Iterable[tuple[int, str]],
) -> None:
    """Upsert changed pairs (times as stored µs) and delete vanished (candle_open, side)."""
    upsert(connection, _PAIR, changed)
    gone = [{"gone_side": side, "gone_open": opened} for opened, side in vanished]
    if gone:
        connection.execute(
            sa.delete(_PAIR).where(
                _PAIR.c.comparison_id == comparison_id,
                _PAIR.c.side == sa.bindparam("gone_side"),
                _PAIR.c.candle_open == sa.bindparam("gone_open"),
            ),
            gone,
        )


def write_days(
    connection: sa.Connection,
    comparison_id: int,
    days: Sequence[int],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Replace the roll-ups of these days (stored µs), which are no longer due."""
    for table in (_PAIR_DAY, _PAIR_DUE):
        connection.execute(
            sa.delete(table).where(
                table.c.comparison_id == comparison_id, table.c.day == sa.bindparam("done_day")
            ),
            [{"done_day": day} for day in days],
        )
    upsert(connection, _PAIR_DAY, rows)


def _store_comparison(
    connection: sa.Connection, bot_id: int, position: int, spec: ComparisonSpec, known: Any
) -> int:
    values = {
        "position": position,
        "tolerance": spec.tolerance,
        "spec": dict(spec.spec),
        "pairing": spec.pairing,
        "is_configured": True,
    }
    if known is None:
        made = sa.insert(comparison).values(bot_id=bot_id, name=spec.name, **values)
        comparison_id = int(connection.execute(made.returning(comparison.c.id)).scalar_one())
    else:
        comparison_id = int(known.id)
        if any(getattr(known, name) != value for name, value in values.items()):
            connection.execute(
                sa.update(comparison).where(comparison.c.id == comparison_id).values(**values)
            )
    if known is None or known.pairing != spec.pairing or not known.is_configured:
        mark_all_due(connection, bot_id, comparison_id, spec.name)
    return comparison_id


def _retire(connection: sa.Connection, comparison_id: int) -> None:
    for table in (pair, pair_day, pair_due):
        connection.execute(sa.delete(table).where(table.c.comparison_id == comparison_id))
    connection.execute(
        sa.update(comparison).where(comparison.c.id == comparison_id).values(is_configured=False)
    )
