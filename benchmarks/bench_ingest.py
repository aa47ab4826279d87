"""Ingest of a year of features, against pandas alone and against pandas into the same database.

    python -m benchmarks.bench_ingest [--rows 105120] [--repeat 3]

Everything is measured in turn in one run, so that the ratios hold on a busy machine too.
"""

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.cycle import run_cycle
from core.settings import BotSettings
from core.storage.engine import migrate, writer_engine

YEAR_ROWS, DAY_ROWS, SQL_ROWS = 105_120, 288, 10_512
FEATURES = 187  # with candle, times and prices 196 columns
FIRST_MS, STEP_MS = 1_704_067_200_000, 300_000  # 2024-01-01
COLUMNS = (
    *("time", "open", "high", "low", "close", "volume", "timestamp"),
    *(f"feature_{number}" for number in range(FEATURES)),
    *("logged_at_utc", "logged_at_kst"),
)


def main() -> None:
    """Write a year, then time the ways to read it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=YEAR_ROWS)
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--peak", help=argparse.SUPPRESS)
    arguments.add_argument("--endless", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.peak:
        _report_peak(Path(chosen.peak))
        return
    if chosen.endless:
        _ingest_endlessly(Path(chosen.endless))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.rows, chosen.repeat)


def measure(folder: Path, rows: int, repeat: int) -> dict[str, float]:
    """Figures by name; printed with their goals."""
    year = write_log(folder / "year.csv", rows)
    part = write_log(folder / "part.csv", min(rows, SQL_ROWS))
    ours = _best(
        repeat,
        {
            "pandas.read_csv alone": lambda: pd.read_csv(year),
            "ingest, all included": lambda: ingest(year, folder / "year.db"),
            "read_csv + to_sql": lambda: _to_sql(part, folder / "sql.db"),
        },
    )
    counts = {"read_csv + to_sql": min(rows, SQL_ROWS)}
    speed = {name: counts.get(name, rows) / seconds for name, seconds in ours.items()}
    for name, value in speed.items():
        print(f"  {name:<28} {value:>9,.0f} rows/s")
    ingested = speed["ingest, all included"]
    figures = {
        "of read_csv alone": ingested / speed["pandas.read_csv alone"],
        "of read_csv + to_sql": ingested / speed["read_csv + to_sql"],
        "cycle on a day, s": _new_row(write_log(folder / "day.csv", DAY_ROWS), folder / "day.db"),
        "cycle on a year, s": _new_row(year, folder / "year.db"),
        "peak memory, MB": _peak(year),
    }
    goals = {
        "of read_csv alone": "≥ 0.6",
        "of read_csv + to_sql": "≥ 8",
        "cycle on a year, s": "< 0.2",
        "peak memory, MB": "< 600",
    }
    for name, value in figures.items():
        goal = f"(goal {goals[name]})" if name in goals else ""
        print(f"  {name:<28} {value:>9.2f} {goal}")
    return figures


def write_log(path: Path, rows: int) -> Path:
    """A feature log as a bot writes it: full floats, small integers, three text columns."""
    rng = np.random.default_rng(3)
    pool = [_features(rng) for _ in range(997)]
    closes = 100_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, rows + 1)))
    with path.open("w") as file:
        file.write(",".join(COLUMNS) + "\n")
        for bar in range(rows):
            file.write(_line(bar, closes[bar], closes[bar + 1], pool[bar % len(pool)]))
    return path


def _features(rng: np.random.Generator) -> str:
    """A third flags and counts, the rest full floats, as in real logs."""
    values = rng.normal(size=FEATURES) * 10.0 ** rng.integers(-3, 5, FEATURES)
    return ",".join(
        str(int(abs(value)) % 3) if number % 3 == 0 else repr(float(value))
        for number, value in enumerate(values)
    )


def _line(bar: int, opened: float, close: float, features: str) -> str:
    ms = FIRST_MS + bar * STEP_MS
    at = datetime.fromtimestamp(ms / 1000, UTC)
    logged = datetime.fromtimestamp(ms / 1000 + 307, UTC)
    high, low = max(opened, close) + 1.5, min(opened, close) - 1.5
    prices = ",".join(repr(float(price)) for price in (opened, high, low, close, 20.5))
    text = f"{at:%Y-%m-%d %H:%M:%S}"
    return f"{ms},{prices},{text},{features},{logged:%Y-%m-%d %H:%M:%S},{text}\n"


def bot_of(log: Path) -> BotSettings:
    """A bot of which nothing but its feature log is known."""
    feature_log = {"paths": [str(log)], "logged_at": ["logged_at_utc"]}
    return BotSettings.model_validate({"name": "bench", "feature_log": feature_log})


def ingest(log: Path, database: Path) -> None:
    """A first cycle into an empty database."""
    for name in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
        name.unlink(missing_ok=True)
    engine = writer_engine(f"sqlite:///{database}")
    migrate(engine)
    _cycle(engine, log)
    engine.dispose()


def _cycle(engine: sa.Engine, log: Path) -> None:
    report = run_cycle(engine, bot_of(log), clock=lambda: datetime.now(UTC))
    if report.failures:
        raise RuntimeError(str(report.failures))


def _to_sql(log: Path, database: Path) -> None:
    database.unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///{database}")
    pd.read_csv(log).to_sql("features", engine, index=False)
    engine.dispose()


def _new_row(log: Path, database: Path, rows: int = 5) -> float:
    """Seconds of the fastest cycle that finds one new row on top of the log."""
    if not database.exists():
        ingest(log, database)
    engine = writer_engine(f"sqlite:///{database}")
    bars = log.read_bytes().count(b"\n") - 1
    features = _features(np.random.default_rng(4))
    seconds = []
    for bar in range(bars, bars + rows):
        with log.open("a") as file:
            file.write(_line(bar, 100_000.0, 100_010.0, features))
        start = time.perf_counter()
        _cycle(engine, log)
        seconds.append(time.perf_counter() - start)
    engine.dispose()
    return min(seconds)


def _peak(log: Path) -> float:
    """MB that a process of its own needs at most to ingest the log."""
    command = [sys.executable, "-m", "benchmarks.bench_ingest", "--peak", str(log)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _ingest_endlessly(database: Path) -> None:
    """A cycle every five seconds into a database that others read, one new candle in each.

    That is 60 times the pace of five-minute candles, and each changes what readers may cache.
    """
    log = database.with_name("growing.csv")
    engine = writer_engine(f"sqlite:///{database}")
    features = _features(np.random.default_rng(6))
    write_log(log, DAY_ROWS)
    for bar in itertools.count(DAY_ROWS):
        _cycle(engine, log)
        with log.open("a") as file:
            file.write(_line(bar, 100_000.0, 100_010.0, features))
        time.sleep(5.0)


def _report_peak(log: Path) -> None:
    ingest(log, log.with_suffix(".peak.db"))
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count the parent's memory before exec, too
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        print(int(line.split()[1]) * 1024 / 1e6)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def _best(repeat: int, ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The fastest of some turns of each way, in seconds."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(repeat):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
            os.sync()
    return best


if __name__ == "__main__":
    main()
