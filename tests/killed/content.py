"""What a database holds, told without ids: to compare one cycle's outcome with another's."""

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.storage import tables
from core.storage.engine import reader_engine

# By what a row is known to those that point to it; a run by its step alone.
_NAMES = {
    "bot": ("name",),
    "run": ("step",),
    "layout": ("kind", "hash"),
    "log_file": ("log", "path"),
    "bundle": ("hash",),
    "series": ("origin", "comparison"),
    "candle_source": ("name",),
    "comparison": ("name",),
    "diagnosis": ("comparison", "made_at"),
}
# A watermark counts changes, and an interrupted cycle stores the same in more of them; what one
# would skip by it is missing in the other tables.
_BOOKKEEPING = {"run", "watermark"}
_CANDLE_US = 300_000_000
Content = dict[str, list[str]]


def content(database: Path) -> Content:
    """Every row of every table but of bookkeeping, ids replaced by what they name."""
    engine = reader_engine(f"sqlite:///{database}")
    names: dict[str, dict[Any, str]] = {}
    found: Content = {}
    with engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            if table.name in _NAMES:
                known = _NAMES[table.name]
                names[table.name] = {
                    row["id"]: ":".join(str(row[name]) for name in known) for row in rows
                }
            if table.name == "changed_span":
                found[table.name] = _spans(rows)
            elif table.name not in _BOOKKEEPING:
                found[table.name] = sorted(_told(table, row, names) for row in rows)
    engine.dispose()
    return found


def _spans(rows: list[dict[str, Any]]) -> list[str]:
    """Stretches that changed, joined where they touch: in how many pieces is no matter."""
    merged: list[list[Any]] = []
    names = ("bot_id", "subject", "first_open", "last_open")
    for bot, subject, first, last in sorted(tuple(row[name] for name in names) for row in rows):
        is_same = bool(merged) and merged[-1][:2] == [bot, subject]
        if is_same and first <= merged[-1][3] + _CANDLE_US:
            merged[-1][3] = max(merged[-1][3], last)
        else:
            merged.append([bot, subject, first, last])
    return list(map(str, merged))


def differences(one: Content, other: Content) -> list[str]:
    """Rows that only one of them holds, a few of each table."""
    told = []
    for table, rows in one.items():
        for sign, only in (
            ("-", sorted(set(rows) - set(other[table]))),
            ("+", sorted(set(other[table]) - set(rows))),
        ):
            told += [f"{sign} {table}: {row}" for row in only[:3]]
        if not told and len(rows) != len(other[table]):
            told.append(f"{table}: {len(rows)} rows, {len(other[table])} rows")
    return told


def _told(table: sa.Table, row: dict[str, Any], names: dict[str, dict[Any, str]]) -> str:
    values = {}
    for column in table.columns:
        value = row[column.name]
        if column.name == "id":
            continue
        for key in column.foreign_keys:
            value = None if value is None else names[key.column.table.name][value]
        if table.name == "log_file" and column.name == "state":
            value = {name: part for name, part in value.items() if name != "looks"}
        values[column.name] = value
    return json.dumps(values, sort_keys=True, default=repr)
