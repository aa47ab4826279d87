"""Cycles are killed: python -m tests.killed.harness FOLDER [--kills 1000] [--stage first|then].

A cycle of a small bot that does everything is cut short in each of its steps: by SIGKILL before
a statement or commit, by SIGKILL or SIGTERM at a moment. Another cycle then runs to its end, and
what the database holds has to be what it holds after cycles that nobody disturbed. Every cycle
runs in a fork of its own. Prints one JSON object.
"""

import argparse
import ctypes
import importlib
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from collector.jobs import open_database
from collector.stop import Stop, Stopped
from core.cycle import Step, configured_steps, run_cycle
from core.diagnosis import load as load_module
from core.recompute import compute as compute_module
from core.recompute.pipeline import library_versions
from core.settings import BotSettings
from core.tailing import follow as follow_module
from tests.killed.content import Content, content, differences
from tests.killed.workspace import FIRST, NOW, THEN

STAGES = ("first", "then")
# How a cycle is ended: mostly before a statement, each of which is hit as often as any other.
MANNERS = ("statement", "statement", "killed", "asked to stop")
_IMPORTED = (
    *("xgboost", "alembic.command", "core.diagnosis.diagnose", "core.recompute.imported"),
    *("core.features.sensitivity_report", "core.scoring.replay"),
)
_PR_SET_CHILD_SUBREAPER = 36
_ORPHANS_S = 20.0
_STOPPED = 3  # exit code of a cycle that ended because it was asked to
_PIECE = 1500  # bytes of a log in a transaction, so that small logs take several


@dataclass(frozen=True)
class Measured:
    """A step that nobody disturbed: its statements, its seconds, the database before it."""

    name: str
    statements: int
    seconds: float
    before: Path


@dataclass(frozen=True)
class Cut:
    """How a cycle is cut short: before its n-th statement, or after so many seconds."""

    manner: str
    number: int | None
    at_s: float


@dataclass
class Outcome:
    """What became of the attempts on one step."""

    statements: int
    kills: Counter[str] = field(default_factory=Counter)
    survived: int = 0  # had ended before it was hit
    wrong: list[str] = field(default_factory=list)
    slowest_stop_s: float = 0.0


class InThisProcess(Executor):
    """Calls feature code at once, for cycles whose workers nobody kills: no process starts."""

    def __init__(self, **_limits: Any) -> None:
        self.workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        places = list(sys.path)  # a worker's own to change, and part of what a cycle remembers
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        finally:
            sys.path[:] = places
        return future

    def kill(self) -> None:
        """Nothing runs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--stage", choices=STAGES, action="append")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    follow_module.PIECE = _PIECE
    _adopt_orphans()
    with tempfile.TemporaryDirectory() as made:
        stages = options.stage or STAGES
        found = attack(options.folder or Path(made), options.kills, stages, options.seed)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def attack(folder: Path, kills: int, stages: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Kill as many cycles as asked for, evenly over stages and steps; what came of it."""
    folder = folder / "bot"
    folder.mkdir()
    _import_libraries()
    in_fork(lambda: FIRST.write(folder))
    database = folder / "align.db"
    told: dict[str, Any] = {}
    for number, (name, stage) in enumerate(zip(STAGES, (FIRST, THEN), strict=True)):
        if number:
            in_fork(lambda: THEN.write(folder))
        bot = stage.bot(folder)
        steps = undisturbed(bot, database)
        if name in stages:
            share = kills // len(stages)
            chance = random.Random(f"{seed} {name}")
            told |= {
                f"{name}: {step}": outcome.__dict__
                for step, outcome in _attack_stage(bot, database, steps, share, chance).items()
            }
    return {
        "kills": sum(sum(one["kills"].values()) for one in told.values()),
        "wrong": sum(len(one["wrong"]) for one in told.values()),
        "steps": told,
    }


def undisturbed(bot: BotSettings, database: Path) -> list[Measured]:
    """Run each step in a fork of its own; the database before each is kept."""
    measured = []
    if not database.exists():
        in_fork(lambda: open_database(f"sqlite:///{database}").dispose())
    for step in configured_steps(bot):
        before = database.with_name(f"before_{len(list(database.parent.glob('before_*')))}.db")
        copy(database, before)
        statements, seconds = in_fork(partial(_count, bot, database, step))
        measured.append(Measured(step.name, statements, seconds, before))
    return measured


def _count(bot: BotSettings, database: Path, step: Step) -> tuple[int, float]:
    """Statements and seconds of a step; raises RuntimeError where it fails."""
    engine = open_database(f"sqlite:///{database}")
    count = 0

    def one_more(*_: Any) -> None:
        nonlocal count
        count += 1

    _listen(one_more)
    begun = time.monotonic()
    report = run_cycle(engine, bot, clock=lambda: NOW, steps=[step])
    if report.failures:
        raise RuntimeError(str(report.failures))
    return count, time.monotonic() - begun


def _attack_stage(
    bot: BotSettings, database: Path, steps: list[Measured], kills: int, chance: random.Random
) -> dict[str, Outcome]:
    """One step after the other in turn, so that a run that is cut off has hit all alike."""
    expected = content(database)
    outcomes = {step.name: Outcome(step.statements) for step in steps}
    left: dict[str, list[int]] = {step.name: [] for step in steps}
    for turn in range(kills):
        place = turn % len(steps)
        step, manner = steps[place], MANNERS[(turn // len(steps) + place) % len(MANNERS)]
        numbers = left[step.name]
        if not numbers:
            numbers += chance.sample(range(1, step.statements + 1), step.statements)
        how = Cut(
            manner,
            number=numbers.pop() if manner == "statement" else None,
            at_s=chance.uniform(0, step.seconds),
        )
        _attempt(bot, database, step, place, how, expected, outcomes[step.name])
        sys.stderr.write(f"{turn + 1} of {kills}: {step.name}: {outcomes[step.name]}\n")
    return outcomes


def _attempt(
    bot: BotSettings,
    database: Path,
    step: Measured,
    place: int,
    how: Cut,
    expected: Content,
    outcome: Outcome,
) -> None:
    """One cycle that is cut short, and one that is not."""
    attempt = database.with_name("attempt.db")
    copy(step.before, attempt)
    status, took_s = _cut_short(bot, attempt, place, how)
    wrong = []
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        outcome.kills[how.manner] += 1
    elif how.manner == "asked to stop" and os.WEXITSTATUS(status) == _STOPPED:
        outcome.kills[how.manner] += 1
        outcome.slowest_stop_s = max(outcome.slowest_stop_s, took_s)
    elif status == 0:
        outcome.survived += 1
    else:
        wrong.append(f"ended with status {status}")
    if not _are_orphans_gone():
        wrong.append("left processes behind")
    wrong += in_fork(lambda: _finish(bot, attempt))
    wrong += differences(expected, content(attempt))
    if wrong:
        outcome.wrong.append(f"{how}: {'; '.join(wrong)}")
        copy(attempt, database.with_name(f"wrong_{place}_{len(outcome.wrong)}.db"))


def _cut_short(bot: BotSettings, database: Path, place: int, how: Cut) -> tuple[int, float]:
    """Begin a cycle at a step in a fork and end it; its exit status, seconds until it ended."""
    ready, say_ready = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        code = 1
        try:
            code = _cycle_to_cut(bot, database, place, how.number, lambda: os.close(say_ready))
        finally:
            os._exit(code)
    os.close(say_ready)
    os.read(ready, 1)  # until the cycle begins
    os.close(ready)
    if how.number is None:
        time.sleep(how.at_s)
        os.kill(child, signal.SIGTERM if how.manner == "asked to stop" else signal.SIGKILL)
    begun = time.monotonic()
    _, status = os.waitpid(child, 0)
    return status, time.monotonic() - begun


def _cycle_to_cut(
    bot: BotSettings,
    database: Path,
    place: int,
    number: int | None,
    begin: Callable[[], None],
) -> int:
    """The cycle as `collector once` runs it, from a step on; an exit code."""
    stop = Stop()
    stop.install(interrupts=True)
    engine = open_database(f"sqlite:///{database}")
    stop.watch(engine)
    if number is not None:
        _die_before(number)
    try:
        begin()
        run_cycle(engine, bot, clock=lambda: NOW, steps=configured_steps(bot)[place:])
    except Stopped:
        return _STOPPED
    return 0


def _die_before(number: int) -> None:
    """SIGKILL to this process before its n-th statement or commit from now on."""
    steps = iter(range(1, number + 1))

    def step(*_: Any) -> None:
        if next(steps, None) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    _listen(step)


def _listen(step: Callable[..., None]) -> None:
    """Before every statement and commit of every engine: steps make readers of their own."""
    event.listen(sa.Engine, "before_cursor_execute", step)
    event.listen(sa.Engine, "commit", step)


def _start_no_workers() -> None:
    """In this process, from now on."""
    for module in (compute_module, load_module):
        setattr(module, "WorkerPool", InThisProcess)  # noqa: B010


def _finish(bot: BotSettings, database: Path) -> list[str]:
    """One whole cycle; what is wrong with it or with the file."""
    _start_no_workers()
    engine = open_database(f"sqlite:///{database}")
    report = run_cycle(engine, bot, clock=lambda: NOW)
    engine.dispose()
    wrong = [f"{step} failed: {error}" for step, error in report.failures.items()]
    with closing(sqlite3.connect(database)) as connection:
        for (said,) in connection.execute("pragma integrity_check"):
            wrong += [] if said == "ok" else [str(said)]
        for (step,) in connection.execute("select step from run where outcome = 'running'"):
            wrong.append(f"{step} is still running")
    return wrong


def in_fork(work: Callable[[], Any]) -> Any:
    """What the work returns (as JSON), in a fork; raises RuntimeError with its traceback.

    Libraries that start threads of their own are safe only where no fork follows.
    """
    answer, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answer)
        try:
            told = {"value": work()}
        except BaseException:
            told = {"error": traceback.format_exc()}
        with os.fdopen(say, "w") as pipe:
            json.dump(told, pipe)
        os._exit(0)
    os.close(say)
    with os.fdopen(answer) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    found = json.loads(text or '{"error": "the fork ended without a word"}')
    if "error" in found:
        raise RuntimeError(found["error"])
    return found["value"]


def copy(source: Path, target: Path) -> None:
    """The database with what still stands in its log of writes."""
    for suffix in ("", "-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _adopt_orphans() -> None:
    """Children of a killed cycle become ours, so that those that stay are seen."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _are_orphans_gone() -> bool:
    deadline = time.monotonic() + _ORPHANS_S
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.02)
        except ChildProcessError:
            return True
    return False


def _import_libraries() -> None:
    """What forks need, imported once; nothing of it starts a thread that a fork would miss."""
    for name in _IMPORTED:
        importlib.import_module(name)
    library_versions({"pandas"})  # looks at every installed package once


if __name__ == "__main__":
    main()
