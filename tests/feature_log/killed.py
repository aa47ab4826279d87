"""A process of its own that ingests and is killed: python -m tests.feature_log.killed FOLDER STAGE.

Each attempt forks a child that sends itself SIGKILL before its n-th statement
or commit; another child then finishes the work. Prints one JSON list: attempts
whose database ended otherwise than that of an ingest that nobody disturbed.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from core.tailing import follow as follow_module
from tests.feature_log.world import Bench, content, flawed_logs, header, row, rows

ATTEMPTS = 20


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


def main(folder: Path, stage: str) -> None:
    follow_module.PIECE = 1500
    bench = Bench(folder)
    begin(bench)
    if stage == "later":
        bench.ingest()
        go_on(bench)
    bench.engine.dispose()
    _copy(bench, "undisturbed.db")
    undisturbed = Bench(folder, database="undisturbed.db")
    steps = _count_steps(undisturbed)
    expected = content(undisturbed.engine)
    wrong = []
    killed = 0
    for number in range(1, steps + 1, max(1, steps // ATTEMPTS)):
        name = f"attempt_{number}.db"
        _copy(bench, name)
        attempt = Bench(folder, database=name)
        attempt.engine.dispose()
        killed += killed_at(number, attempt)
        attempt.ingest()
        if content(attempt.engine) != expected:
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
    shutil.copy(bench.folder / bench.database, bench.folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
