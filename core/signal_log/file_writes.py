"""Files of signal logs: how far each was read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.signal_log.writes import file_log
from core.storage.tables import log_file


@dataclass(slots=True)
class SignalFile:
    """How far a file was read; `state`: its fingerprint, and what its parser needs to go on."""

    id: int
    path: str
    offset: int = 0
    line: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None


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
