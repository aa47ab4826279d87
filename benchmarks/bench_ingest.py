"""Ingest of a year of features, beside what one would pick instead to read it and keep it.

    python -m benchmarks.bench_ingest [--rows 105120] [--turns 3]

CPU seconds, all ways in turn; polars and DuckDB where requirements-bench.txt is installed.
Memory and bytes written are those of a process of its own.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from benchmarks.figures import database_kind, in_turn, show
from benchmarks.simulated_bot import DAY_ROWS, END, YEAR_ROWS, FeatureLog, wide_log
from core.cycle import run_cycle
from core.settings import BotSettings
from core.storage.engine import migrate, writer_engine
from tests.databases import SERVER, database_url, dropped_afterwards


def main() -> None:
    """Write a year, then measure the ways to read and keep it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=YEAR_ROWS)
    arguments.add_argument("--turns", type=int, default=3)
    arguments.add_argument("--alone", help=argparse.SUPPRESS)
    arguments.add_argument("--endless", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.alone:
        _ingest_alone(Path(chosen.alone))
    elif chosen.endless:
        _ingest_endlessly(chosen.endless)
    else:
        with tempfile.TemporaryDirectory() as folder, dropped_afterwards():
            measure(Path(folder), chosen.rows, chosen.turns)


def measure(folder: Path, rows: int, turns: int) -> None:
    """Print ratios to `read_csv` and what is stored, with their goals."""
    log = write(folder / "year.csv", wide_log(rows), rows)
    print(f"{rows:,} rows of 196 columns, {log.stat().st_size / 1e6:,.0f} MB, {database_kind()}:")
    places = (folder / f"{turn}.db" for turn in range(turns))
    ways: dict[str, Callable[[], object]] = {
        "read_csv": lambda: pd.read_csv(log),
        "ingest": lambda: ingest(log, next(places)),
        **_instead(log, folder),
    }
    spent = in_turn(turns, ways)
    for name, seconds in spent.items():
        show(f"{name}, CPU seconds", seconds)
    for name, seconds in spent.items():
        goal = ">= 0.55" if name == "ingest" else ""
        show(f"{name}: rate by CPU, of read_csv alone", spent["read_csv"] / seconds, goal)
    for name in ("parquet", "duckdb"):
        file = folder / f"year.{name}"
        if file.exists():
            show(f"stored as {name}, MB", file.stat().st_size / 1e6)
    stored = _stored_mb(folder / "0.db")
    show("stored by ingest, MB", stored, f"<= {100 * rows / YEAR_ROWS:.0f}")
    if SERVER is None:
        command = [sys.executable, "-m", "benchmarks.bench_ingest", "--alone", str(log)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        alone = json.loads(answer.stdout)
        show("written by ingest, of what is stored", alone["written_mb"] / stored, "<= 2")
        show("peak memory of ingest, MB", alone["peak_mb"], "< 300")


def write(path: Path, log: FeatureLog, rows: int) -> Path:
    """The first rows of a log as one file."""
    with path.open("w") as file:
        file.write(log.header)
        file.writelines(map(log.line, range(rows)))
    return path


def ingest(log: Path, place: Path) -> None:
    """A first cycle, into a new database, of a bot of which only its feature log is known."""
    engine = writer_engine(database_url(place))
    migrate(engine)
    _cycle(engine, log)
    engine.dispose()


def _cycle(engine: sa.Engine, log: Path) -> None:
    feature_log = {"paths": [str(log)], "logged_at": ["logged_at_utc"]}
    bot = BotSettings.model_validate({"name": "bench", "feature_log": feature_log})
    report = run_cycle(engine, bot, clock=lambda: END)
    if report.failures:
        raise RuntimeError(str(report.failures))


def _instead(log: Path, folder: Path) -> dict[str, Callable[[], object]]:
    """What is installed of what one would pick instead."""
    ways: dict[str, Callable[[], object]] = {}
    if importlib.util.find_spec("polars") is not None:
        ways["polars to Parquet"] = lambda: _polars(log, folder / "year.parquet")
    if importlib.util.find_spec("duckdb") is not None:
        ways["DuckDB table"] = lambda: _duckdb(log, folder / "year.duckdb")
    if len(ways) < 2:
        print("  polars or DuckDB is missing: pip install -r requirements-bench.txt")
    return ways


def _polars(log: Path, out: Path) -> None:
    import polars

    polars.read_csv(log, infer_schema_length=None).write_parquet(out)


def _duckdb(log: Path, out: Path) -> None:
    import duckdb

    out.unlink(missing_ok=True)
    with duckdb.connect(str(out)) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"create table features as from read_csv('{log}', sample_size = -1)")


def _stored_mb(place: Path) -> float:
    if SERVER is None:
        return place.stat().st_size / 1e6
    engine = sa.create_engine(database_url(place))
    with engine.connect() as connection:
        size = connection.scalar(sa.text("select pg_database_size(current_database())"))
    engine.dispose()
    return int(size or 0) / 1e6


def _ingest_alone(log: Path) -> None:
    """Print what this process alone needs for an ingest: peak memory, and bytes handed over."""
    ingest(log, log.with_suffix(".alone.db"))
    print(json.dumps({"peak_mb": _peak_mb(), "written_mb": _written_mb()}))


def _peak_mb() -> float:
    """Of this program; ru_maxrss counts the parent's memory before exec, too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("/proc/self/status does not say the peak memory")


def _written_mb() -> float:
    """Bytes of every write so far, whether or not they have reached the disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return float(dict(line.split(": ") for line in lines)["wchar"]) / 1e6


def _ingest_endlessly(url: str) -> None:
    """A cycle every five seconds into a database that others read, one new candle in each.

    That is 60 times the pace of five-minute candles, and each changes what readers may cache.
    """
    rows = wide_log(10 * DAY_ROWS)
    engine = writer_engine(url)
    with tempfile.TemporaryDirectory() as folder:
        log = write(Path(folder) / "growing.csv", rows, DAY_ROWS)
        for row in range(DAY_ROWS, len(rows.opens)):
            _cycle(engine, log)
            with log.open("a") as file:
                file.write(rows.line(row))
            time.sleep(5.0)


if __name__ == "__main__":
    main()
