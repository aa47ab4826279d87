"""Ingests and is killed: python -m tests.tailing.killed FOLDER NOUN STAGE.

Each attempt forks a child that sends itself SIGKILL before its n-th statement
or commit; another child then finishes the work. Prints one JSON list: attempts
whose database ended otherwise than that of an ingest that nobody disturbed.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from core.context import Context
from core.settings import BotSettings
from core.signal_log.ingest import ingest_signal_logs
from core.storage import tables
from core.tailing import follow as follow_module
from tests.databases import copy_database, dropped_afterwards
from tests.feature_log.world import (
    FIRST_MS,
    FRAME,
    NOW,
    STEP_MS,
    Bench,
    content,
    flawed_logs,
    header,
    row,
    rows,
)

ATTEMPTS = 20


class SignalBench(Bench):
    """Signal logs of the same folder."""

    def ingest(self, *, check: bool = True) -> Any:
        log = {"name": "s", "paths": str(self.folder / "*.csv*"), "format": "csv"}
        bot = BotSettings.model_validate(
            {"name": "bot", "timeframe": FRAME.text, "signal_log": [log]}
        )
        context = Context(engine=self.engine, bot_id=self.bot_id, bot=bot, now=NOW)
        return ingest_signal_logs(context)


def signals(*bars: int, long: float = 0.5) -> str:
    lines = (f"{FIRST_MS + bar * STEP_MS},{long}\n" for bar in bars)
    return "timestamp,long\n" + "".join(lines)


def signal_content(engine: sa.Engine) -> list[Any]:
    """Every stored line, and the signals that count."""
    names = ("generation", "line", "candle_open", "long", "status", "reason", "sha256")
    query = (
        sa.select(tables.log_file.c.path, *(tables.signal_line.c[name] for name in names))
        .join(tables.log_file, tables.log_file.c.id == tables.signal_line.c.file_id)
        .order_by(
            tables.log_file.c.path, tables.signal_line.c.generation, tables.signal_line.c.line
        )
    )
    emitted = sa.select(tables.signal.c.candle_open, tables.signal.c.probability)
    with engine.connect() as connection:
        return [
            [tuple(row) for row in connection.execute(it)]
            for it in (query, emitted.order_by(tables.signal.c.candle_open))
        ]


def begin_signals(bench: Bench) -> None:
    """The logs as they first appear: repeats, another value, lines that are none."""
    bench.write("a.csv", signals(*range(60), 5, 7) + "half\n")
    bench.write("b.csv", signals(*range(50, 160), long=0.25) + "x,2\n" * 3)
    bench.write("r.csv", signals(*range(200, 290), 205, 206) + "half\n")


def go_on_signals(bench: Bench) -> None:
    """A log grows, one is renamed, one replaced."""
    bench.append("b.csv", signals(160, 161, 3))
    (bench.folder / "a.csv").rename(bench.folder / "z.csv")
    bench.write("a.csv", signals(300, 16, 51, long=0.75))
    bench.write("r.csv", signals(*range(206, 300), long=0.5) + "half\n" + "more,1\n")


def begin(bench: Bench) -> None:
    """The logs as they first appear."""
    for name, log in flawed_logs().items():
        bench.write(name, log)
    bench.write("r.csv", header() + rows(200, 220) + row(205) + row(206, rsi=1.0) + "half\n")


def go_on(bench: Bench) -> None:
    """A log grows, one is renamed, one replaced."""
    bench.append("b.csv", row(90) + "\n" + row(91))
    (bench.folder / "a.csv").rename(bench.folder / "z.csv")
    bench.write("a.csv", header() + rows(92, 94) + row(16, rsi=3.25))
    bench.write("r.csv", header() + rows(206, 222) + "half\n" + row(206, rsi=1.0))


def killed_at(number: int, bench: Bench) -> bool:
    """Ingest in a child that dies before its n-th step; False when it finished before that."""
    child = os.fork()
    if child == 0:
        bench.engine.dispose(close=False)
        _die_before(number, bench)
        bench.ingest(check=False)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _die_before(number: int, bench: Bench) -> None:
    steps = iter(range(1, number + 1))

    def step(*_: Any) -> None:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(bench.engine, "before_cursor_execute", step)
    event.listen(bench.engine, "commit", step)


NOUNS: dict[str, tuple[type[Bench], Callable[[Bench], None], Callable[[Bench], None], Any]] = {
    "features": (Bench, begin, go_on, content),
    "signals": (SignalBench, begin_signals, go_on_signals, signal_content),
}


def main(folder: Path, noun: str, stage: str) -> None:
    follow_module.PIECE = 1500
    kind, first, later, content_of = NOUNS[noun]
    bench = kind(folder)
    first(bench)
    if stage == "later":
        bench.ingest()
        later(bench)
    bench.engine.dispose()
    _copy(bench, "undisturbed.db")
    undisturbed = kind(folder, database="undisturbed.db")
    steps = _count_steps(undisturbed)
    expected = content_of(undisturbed.engine)
    wrong = []
    killed = 0
    for number in range(1, steps + 1, max(1, steps // ATTEMPTS)):
        name = f"attempt_{number}.db"
        _copy(bench, name)
        attempt = kind(folder, database=name)
        attempt.engine.dispose()
        killed += killed_at(number, attempt)
        attempt.ingest()
        if content_of(attempt.engine) != expected:
            wrong.append(number)
        attempt.engine.dispose()
    sys.stdout.write(json.dumps({"steps": steps, "killed": killed, "wrong": wrong}) + "\n")


def _count_steps(bench: Bench) -> int:
    count = 0

    def step(*_: Any) -> None:
        nonlocal count
        count += 1

    for name in ("before_cursor_execute", "commit"):
        event.listen(bench.engine, name, step)
    bench.ingest(check=False)
    return count


def _copy(bench: Bench, name: str) -> None:
    copy_database(bench.folder / bench.database, bench.folder / name)


if __name__ == "__main__":
    with dropped_afterwards():
        main(Path(sys.argv[1]), *sys.argv[2:])
