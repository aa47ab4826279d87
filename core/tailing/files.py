"""Records of followed files: under which path each is, and how far it was read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.storage.tables import log_file

_READ = tuple(
    log_file.c[name] for name in ("offset", "line", "generation", "waiting", "state", "problem")
)


@dataclass(slots=True)
class LogFile:
    """How far a file was read, `generation` counting how often its content was replaced.

    `waiting`: whole lines behind `offset` that its reader holds back until more comes.
    `state`: "content" (its fingerprint), "stat" (size, time of modification, inode and time of
    change of what was read wholly), "looks" (how often it was read), "reader" (what its reader
    needs to go on).
    """

    id: int
    path: str
    offset: int = 0
    line: int = 0
    generation: int = 0
    waiting: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None


def read_files(connection: sa.Connection, bot_id: int, log: str) -> dict[str, LogFile]:
    """The files of one log by path, in the order of paths."""
    rows = connection.execute(
        sa.select(log_file.c.id, log_file.c.path, *_READ)
        .where(log_file.c.bot_id == bot_id, log_file.c.log == log)
        .order_by(log_file.c.path)
    )
    return {row.path: LogFile(*row) for row in rows}


def add_file(connection: sa.Connection, bot_id: int, log: str, path: str) -> LogFile:
    """A file that was not known; nothing of it is read yet."""
    made = sa.insert(log_file).values(bot_id=bot_id, log=log, path=path, offset=0, line=0, state={})
    return LogFile(int(connection.execute(made.returning(log_file.c.id)).scalar_one()), path)


def save_file(connection: sa.Connection, file: LogFile) -> None:
    """Keep how far a file was read."""
    read = {column.name: getattr(file, column.name) for column in _READ}
    connection.execute(sa.update(log_file).where(log_file.c.id == file.id).values(**read))


def rename_files(connection: sa.Connection, renamed: Mapping[int, str]) -> None:
    """Give files other paths, also where they swap them."""
    for number in renamed:
        connection.execute(
            sa.update(log_file).where(log_file.c.id == number).values(path=f"(moving {number})")
        )
    for number, path in renamed.items():
        connection.execute(sa.update(log_file).where(log_file.c.id == number).values(path=path))


def mark_looked_at(connection: sa.Connection, file_ids: Iterable[int], now: datetime) -> None:
    """Note when these files were last looked at."""
    connection.execute(
        sa.update(log_file).where(log_file.c.id.in_(list(file_ids))).values(read_at=now)
    )
