"""Ingest of a year of signals from a text, a CSV and a JSONL log.

    python -m benchmarks.bench_signals [--rows 105120] [--repeat 3]

CPU seconds of the whole step (read, parsed, stored, settled), the median of some turns: they
hold on a busy machine too.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.bots import ensure_bot
from core.context import Context
from core.settings import BotSettings
from core.signal_log.ingest import ingest_signal_logs
from core.storage.engine import migrate, writer_engine

YEAR_ROWS = 105_120
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
CANDLE, YEAR = timedelta(minutes=5), timedelta(days=365)
YEAR_GOAL_S, IDLE_GOAL_S = 5.0, 0.05
PATTERN = (
    r"^(?P<logged_at>\S+ \S+) - INFO - \[Candle (?P<label>\d\d:\d\d)\] "
    r"LONG: (?P<long>[\d.]+) \| SHORT: (?P<short>[\d.]+) \| Price: \$(?P<price>[\d.,]+)"
)
Line = Callable[[datetime, datetime, float, float, float], str]


def main() -> None:
    """Write a year in each format, then time its first and its second read."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=YEAR_ROWS)
    arguments.add_argument("--repeat", type=int, default=3)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS:
            measure(Path(folder), form, chosen.rows, chosen.repeat)


def measure(folder: Path, form: str, rows: int, repeat: int) -> tuple[float, float]:
    """CPU seconds of the first read of a log and of a read that finds nothing new; printed."""
    path = write_log(folder / f"signals.{form}", form, rows)
    first, idle = [], []
    for turn in range(repeat):
        context = new_context(folder / f"{form}{turn}.db", form, path)
        first.append(_cpu_s(context, lines=rows))
        idle.append(_cpu_s(context, lines=0))
        context.engine.dispose()
    year, nothing = statistics.median(first), statistics.median(idle)
    print(
        f"  {form:<6} first read {year:>6.2f} CPU-s ({min(first):.2f} to {max(first):.2f}, "
        f"{year / rows * 1e6:.0f} µs a line; goal ≤ {YEAR_GOAL_S:g} a year of {YEAR_ROWS:,} lines)"
        f", nothing new {nothing:.3f} CPU-s (goal ≤ {IDLE_GOAL_S:g})"
    )
    return year, nothing


def write_log(path: Path, form: str, rows: int) -> Path:
    """A signal log as a bot writes it, a line a candle."""
    header, line = FORMS[form]
    with path.open("w") as file:
        file.write(header)
        file.writelines(line(*row) for row in _rows(rows))
    return path


def _rows(rows: int) -> Iterator[tuple[datetime, datetime, float, float, float]]:
    """Candle open, time of logging, LONG, SHORT and price."""
    rng = np.random.default_rng(3)
    closes = 100_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, rows)))
    values = zip(rng.random(rows).tolist(), rng.random(rows).tolist(), closes.tolist(), strict=True)
    for bar, (long, short, price) in enumerate(values):
        opened = FIRST + bar * CANDLE
        yield opened, opened + CANDLE + timedelta(seconds=7.123), long, short, price


def _text(opened: datetime, logged: datetime, long: float, short: float, price: float) -> str:
    return (
        f"{logged:%Y-%m-%d %H:%M:%S},{logged.microsecond // 1000:03d} - INFO - "
        f"[Candle {opened:%H:%M}] LONG: {long:.4f} | SHORT: {short:.4f} | Price: ${price:,.2f}\n"
    )


def _csv(opened: datetime, logged: datetime, long: float, short: float, price: float) -> str:
    return f"{opened:%Y-%m-%d %H:%M:%S},{logged.isoformat()},{long!r},{short!r},{price:.2f}\n"


def _jsonl(opened: datetime, logged: datetime, long: float, short: float, price: float) -> str:
    return (
        f'{{"timestamp": "{opened.isoformat()}", "logged_at": "{logged.isoformat()}", '
        f'"long": {long!r}, "short": {short!r}, "price": {price:.2f}}}\n'
    )


FORMS: dict[str, tuple[str, Line]] = {
    "text": ("", _text),
    "csv": ("timestamp,logged_at,long,short,price\n", _csv),
    "jsonl": ("", _jsonl),
}


def new_context(database: Path, form: str, log: Path) -> Context:
    """A bot of which nothing but this log is known, in a database of its own."""
    more = {"pattern": PATTERN} if form == "text" else {"logged_at": "logged_at"}
    signal_log = {"name": form, "paths": [str(log)], "format": form, **more}
    settings = BotSettings.model_validate({"name": "bench", "signal_log": [signal_log]})
    engine = writer_engine(f"sqlite:///{database}")
    migrate(engine)
    with engine.begin() as connection:
        bot_id = ensure_bot(connection, settings.name, settings.frame.text)
    return Context(engine=engine, bot_id=bot_id, bot=settings, now=FIRST + 10 * YEAR)


def _cpu_s(context: Context, *, lines: int) -> float:
    start = time.process_time()
    report = ingest_signal_logs(context)
    seconds = time.process_time() - start
    if (report.lines, report.rejected) != (lines, 0):
        raise RuntimeError(str(report))
    return seconds


if __name__ == "__main__":
    main()
