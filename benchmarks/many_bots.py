"""Fifty bots on their five minutes: python -m benchmarks.many_bots [--bots 50] [--candles 2].

Each bot has logs of half a day, candles, a bundle and a backtest that is recomputed in workers.
`collector run` catches up with all of them; then every bot writes a line after each candle, and
the bench tells how long after the candle's close the last of them was paired. First alone, then
beside as many busy processes as there are cores (--hog leaves out the first). Real time: five
minutes a candle.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks.process_usage import cpu_seconds, usage
from core.storage.engine import reader_engine
from core.storage.tables import comparison, pair, run
from demo.plan import to_toml
from tests.e2e.browser import ROOT
from tests.growing_bot import GrowingBot, closed_at, last_closed

BARS = 144
DELAY_S = 20  # the collector's own default: what a bot has to have written its line
GOAL_S = 300
_BOT_WRITES_S = 5
_PATIENCE_S = 3600
_WORDS = ("locked", "another process holds", "QueuePool", "failed")


@dataclass
class Installation:
    """Bots in a folder that have written up to before bar `until`, and what the collector says."""

    folder: Path
    bots: Sequence[GrowingBot]
    until: int

    def write(self, until: int) -> None:
        """What every bot writes before that bar opens."""
        for bot in self.bots:
            bot.add(range(self.until, until))
        self.until = until

    @property
    def config(self) -> Path:
        return self.folder / "align.toml"

    @property
    def log(self) -> Path:
        return self.folder / "run.log"

    def words(self) -> str:
        """How often the log speaks of trouble."""
        text = self.log.read_text()
        return ", ".join(f'"{word}" {text.count(word)}' for word in _WORDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bots", type=int, default=50)
    parser.add_argument("--candles", type=int, default=2)
    parser.add_argument("--hog", action="store_true", help="beside busy processes only")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream here
    with tempfile.TemporaryDirectory() as made:
        written = install(Path(made), options.bots, last_closed(datetime.now(UTC)) + 1)
        with collecting(written) as process, open_engine(written) as engine:
            _catch_up(written, engine, process)
            if not options.hog:
                _hold(written, engine, process, options.candles, "alone")
            with hogs():
                _hold(written, engine, process, options.candles, "beside busy processes")
            print(f"in the log: {written.words()}; failed runs {_failed(engine)}")


def install(folder: Path, count: int, until: int) -> Installation:
    """Bots that have written up to before bar `until`."""
    bots = [GrowingBot(folder / f"b{number}", number) for number in range(count)]
    for bot in bots:
        bot.begin(until - BARS, until)
    described = [bot.described(has_export=False) for bot in bots]
    database = f"sqlite:///{folder / 'align.db'}"
    (folder / "align.toml").write_text(to_toml({"database_url": database, "bots": described}))
    return Installation(folder, bots, until)


@contextmanager
def collecting(written: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """`collector run` until the block ends; raises RuntimeError where it ended by itself."""
    command = [sys.executable, "-m", "collector", "--config", str(written.config), "run"]
    with written.log.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
            if process.poll() is not None:
                raise RuntimeError("the collector ended by itself")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


@contextmanager
def open_engine(written: Installation) -> Iterator[sa.Engine]:
    database = written.folder / "align.db"
    while not database.exists():
        time.sleep(0.2)
    engine = reader_engine(f"sqlite:///{database}")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def hogs() -> Iterator[None]:
    """A process on every core that never rests."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _catch_up(written: Installation, engine: sa.Engine, process: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    _wait(engine, len(written.bots), closed_at(written.until - 1))
    print(
        f"{len(written.bots)} bots of {BARS} candles caught up in "
        f"{time.monotonic() - begun:.0f} s, {cpu_seconds(process.pid):.0f} CPU-s, "
        f"{usage(process.pid)}; failed runs {_failed(engine)}; load {os.getloadavg()[0]:.1f}"
    )


def _hold(
    written: Installation,
    engine: sa.Engine,
    process: subprocess.Popen[bytes],
    candles: int,
    words: str,
) -> None:
    for _ in range(candles):
        bar = last_closed(datetime.now(UTC)) + 1
        close = closed_at(bar)
        time.sleep(max(0.0, (close - datetime.now(UTC)).total_seconds() + _BOT_WRITES_S))
        written.write(bar + 1)
        before = cpu_seconds(process.pid)
        _wait(engine, len(written.bots), close)
        late_s = (datetime.now(UTC) - close).total_seconds() - DELAY_S
        print(
            f"{words}: a new line for each of {len(written.bots)} bots was paired {late_s:.0f} s "
            f"after the delay (goal ≤ {GOAL_S - DELAY_S}), {cpu_seconds(process.pid) - before:.0f} "
            f"CPU-s; failed runs {_failed(engine)}; {usage(process.pid)}; "
            f"load {os.getloadavg()[0]:.1f}"
        )


def _wait(engine: sa.Engine, count: int, close: datetime) -> None:
    """Until the candle that closed then, or a later one, is paired for every bot."""
    opened = close - timedelta(minutes=5)
    newest = (
        sa.select(sa.func.count(sa.distinct(comparison.c.bot_id)))
        .join(pair, pair.c.comparison_id == comparison.c.id)
        .where(comparison.c.name == "again", pair.c.candle_open >= opened)
    )
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with engine.connect() as connection:
                if connection.execute(newest).scalar_one() == count:
                    return
        except sa.exc.OperationalError:  # no table yet
            pass
        time.sleep(0.5)
    raise RuntimeError(f"not every bot was paired within {_PATIENCE_S} s")


def _failed(engine: sa.Engine) -> int:
    query = sa.select(sa.func.count()).select_from(run).where(run.c.outcome == "failed")
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


if __name__ == "__main__":
    main()
