"""One case: write the installation, let the product work on it, keep what it answers.

The judge gets a folder and its align.toml. Nothing of the injector reaches it.
"""

import contextlib
import os
import shutil
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.exam_cases import Case, case_plan, case_world, true_parameters
from core.bots import bot_id
from core.cycle import configured_steps, run_cycle
from core.settings import BotSettings, load_settings
from core.storage.engine import migrate, writer_engine
from demo.bot import run_bot
from demo.bot_files import write_installation
from demo.plan import BACKTEST
from demo.simulation import World


@dataclass(frozen=True, slots=True)
class Answer:
    """What the diagnosis said about a case, and how long it took."""

    case: Case
    document: dict[str, Any]
    expected: dict[str, dict[str, Any]]
    cycle_s: float = 0.0
    diagnose_s: float = 0.0
    problems: tuple[str, ...] = field(default=())


def judge(case: Case) -> Answer:
    """Build, ingest, re-run, diagnose; an exception becomes a problem of the answer."""
    folder = Path(tempfile.mkdtemp(prefix="exam-"))
    try:
        world = _world(case.seed)
        plan = case_plan(case, world)
        write_installation(folder, world, plan, run_bot(world, plan))
        now = world.opens[-1].to_pydatetime() + timedelta(minutes=5, seconds=20)
        return _answer(case, folder, now, true_parameters(case, world))
    except Exception:
        return Answer(case, {"findings": []}, {}, problems=(traceback.format_exc(),))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=2)
def _world(seed: int) -> World:
    return case_world(seed)


def _answer(case: Case, folder: Path, now: datetime, expected: dict[str, Any]) -> Answer:
    settings = load_settings(folder / "align.toml")
    bot = settings.bots[0]
    shutil.copy(_empty_database(), folder / "align.db")
    engine = writer_engine(settings.database_url)
    start = time.perf_counter()
    steps = [step for step in configured_steps(bot) if step.name != "diagnose"]
    report = run_cycle(engine, bot, clock=lambda: now, steps=steps)
    between = time.perf_counter()
    document = _diagnose(engine, bot, now)
    end = time.perf_counter()
    engine.dispose()
    problems = tuple(f"{step}: {error}" for step, error in report.failures.items())
    return Answer(case, document, expected, between - start, end - between, problems)


def _diagnose(engine: Any, bot: BotSettings, now: datetime) -> dict[str, Any]:
    from core.diagnosis.diagnose import diagnose

    with engine.begin() as connection:
        number = bot_id(connection, bot.name)
        if number is None:
            raise LookupError(f'bot "{bot.name}" was not stored')
        answer = diagnose(
            connection, number, bot, comparison=BACKTEST, from_=None, until=None, now=now
        )
    document: dict[str, Any] = answer.document()
    return document


@lru_cache(maxsize=1)
def _empty_database() -> Path:
    """A migrated database to copy: each case starts from its own empty one."""
    path = Path(tempfile.mkdtemp(prefix="exam-schema-")) / "align.db"
    engine = writer_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()  # the last connection to close writes the log back into the file
    return path


def be_modest() -> None:
    """One thread a process: two processes share two cores."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    with contextlib.suppress(OSError):
        os.nice(5)
