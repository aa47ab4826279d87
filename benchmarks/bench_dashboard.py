"""The dashboard on a year of candles: CPU, waiting, bytes, twenty viewers, memory, Chromium.

`python -m benchmarks.bench_dashboard [--days 365] [--features 191] [--no-browser]`
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.dashboard_viewer import Drawing, Viewer
from benchmarks.figures import database_kind, process_cpu_s
from tests.dashboard.seed import seed_database, write_config
from tests.dashboard.seed_plan import Plan
from tests.databases import database_url
from tests.e2e.browser import ROOT, chromium, free_port, open_page, wait_until_answers

VIEWS = ("", "collection", "alignment", "worst", "candle", "diagnosis", "features", "health")
WARM = 12
VIEWERS = 20
FLAGGED = tuple(range(100, 100_000, 997))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=365)
    parser.add_argument("--features", type=int, default=191)
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream here
    with tempfile.TemporaryDirectory() as folder:
        single = _seeded(Path(folder) / "one", 1, options.days, options.features)
        _one_bot(single)
        _against_plain(single)
        if not options.no_browser:
            _in_chromium(single)
        _five_bots(_seeded(Path(folder) / "five", 5, options.days, 4))


def _seeded(folder: Path, bots: int, days: float, features: int) -> Path:
    folder.mkdir()
    started = time.monotonic()
    plans = [
        Plan(bot=f"bot-{n}", days=days, features=features, now=datetime.now(UTC), flagged=FLAGGED)
        for n in range(bots)
    ]
    seed_database(folder / "align.db", plans).dispose()
    print(f"seeded {days:g} days of {bots} bot(s), {features} features, in {_since(started)}")
    return write_config(folder, plans)


def _one_bot(config: Path) -> None:
    print(f"\none bot, window: everything, {database_kind()}; CPU of page and database, waiting")
    print(f"{'view':12} {'cold CPU':>9} {'warm CPU':>9} {'cold s':>8} {'warm p50':>9} {'kB':>7}")
    with _server("dashboard", config) as (address, process):
        asyncio.run(_warm_server(address))
        for view in VIEWS:
            _print(view, _drawn(address, process, view))
        print(f"memory of the server after every view: {_memory_mb(process):.0f} MB")
        _viewers(address)
        with _ingesting(config):
            _viewers(address, "beside a collector that ingests a candle every 5 s")
        print(f"memory of the server after {VIEWERS} viewers: {_memory_mb(process):.0f} MB")


def _five_bots(config: Path) -> None:
    print("\nfive bots, window: everything")
    with _server("dashboard", config) as (address, process):
        asyncio.run(_warm_server(address))
        for view in ("", "alignment"):
            _print(view, _drawn(address, process, view))
        print(f"memory of the server: {_memory_mb(process):.0f} MB")


def _against_plain(config: Path) -> None:
    print("\nthe same charts from raw rows, uncached (alignment)")
    with _server("plain", config) as (address, process):
        _print("plain", _drawn(address, process, "", repeats=4))
        print(f"memory of the plain page: {_memory_mb(process):.0f} MB")


def _in_chromium(config: Path) -> None:
    print("\nChromium: seconds until every chart is painted, and after choosing a side")
    with chromium() as browser:
        with _server("dashboard", config) as (address, _):
            for view in ("", "alignment"):
                page = browser.new_page()
                started = time.monotonic()
                open_page(page, f"{address}/{view}?window=all", timeout_s=120)
                painted = _since(started)
                started = time.monotonic()
                open_page(page, f"{address}/{view}?window=all&side=LONG", timeout_s=120)
                print(f"{view or 'today':12} {painted} {_since(started)}")
                page.close()
        with _server("plain", config) as (address, _):
            page = browser.new_page()
            started = time.monotonic()
            open_page(page, address, timeout_s=300)
            print(f"{'plain':12} {_since(started)}")


async def _warm_server(address: str) -> None:
    """Imports and the first connection belong to the start of the server, not to a view."""
    async with Viewer(address) as viewer:
        for view in VIEWS:
            await viewer.draw(view, {"window": "24h"})
    await asyncio.sleep(8)  # the model library comes beside the first page


@dataclass(frozen=True)
class _Drawn:
    """One view drawn for a reader who has just come, then again and again."""

    cold: Drawing
    warm: list[Drawing]
    cold_cpu_s: float
    warm_cpu_s: float  # of one drawing


def _drawn(
    address: str, process: subprocess.Popen[bytes], view: str, repeats: int = WARM
) -> _Drawn:
    def spent() -> float:
        return process_cpu_s(process.pid)

    async def draw() -> _Drawn:
        params = {"window": "all", "bot": "bot-0"}
        async with Viewer(address) as viewer:
            start = spent()
            cold = await viewer.draw(view, params)
            first = spent()
            warm = [await viewer.draw(view, params) for _ in range(repeats)]
            return _Drawn(cold, warm, first - start, (spent() - first) / repeats)

    return asyncio.run(draw())


def _viewers(address: str, words: str = "alone") -> None:
    """Twenty readers at once, each going through the views of the morning."""

    async def one(number: int) -> list[Drawing]:
        await asyncio.sleep(number * 0.2)
        async with Viewer(address) as viewer:
            drawn = []
            for view in ("", "alignment", "worst", "candle", "collection"):
                drawn.append(await viewer.draw(view, {"window": "all", "bot": "bot-0"}))
                await asyncio.sleep(2)
            return drawn

    async def everybody() -> list[Drawing]:
        timings = await asyncio.gather(*(one(number) for number in range(VIEWERS)))
        return [drawing for part in timings for drawing in part]

    drawn = asyncio.run(everybody())
    seconds = [drawing.seconds for drawing in drawn]
    print(
        f"{VIEWERS} viewers {words}, 2 s between clicks: {_quantiles(seconds)}, "
        f"{len(seconds)} drawings, {sum(drawing.errors for drawing in drawn)} errors"
    )


@contextmanager
def _ingesting(config: Path) -> Iterator[None]:
    """A collector at work on the same database: a new candle and a cycle every five seconds."""
    command = [sys.executable, "-m", "benchmarks.bench_ingest"]
    database = database_url(config.parent / "align.db")
    process = subprocess.Popen([*command, "--endless", database], cwd=ROOT)
    try:
        time.sleep(3)  # its imports
        yield
        if process.poll() is not None:
            raise RuntimeError("the collector beside the viewers ended by itself")
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def _server(kind: str, config: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [sys.executable, "-m", "dashboard", "--config", str(config), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if kind == "plain":
        environment["PLAIN_PAGE_DATABASE"] = database_url(config.parent / "align.db")
        page = str(ROOT / "benchmarks" / "plain_page.py")
        command = [sys.executable, "-m", "streamlit", "run", page, f"--server.port={port}"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_answers(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _memory_mb(process: subprocess.Popen[bytes]) -> float:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return float("nan")


def _print(view: str, drawn: _Drawn) -> None:
    seconds = [drawing.seconds for drawing in drawn.warm]
    errors = sum(drawing.errors for drawing in (drawn.cold, *drawn.warm))
    print(
        f"{view or 'today':12} {drawn.cold_cpu_s:9.2f} {drawn.warm_cpu_s:9.3f} "
        f"{drawn.cold.seconds:8.3f} {statistics.median(seconds):9.3f} "
        f"{drawn.warm[-1].received / 1000:7.0f}" + (" ERRORS" if errors else "")
    )


def _quantiles(seconds: list[float]) -> str:
    return f"p50 {statistics.median(seconds):.3f} s, p95 {_p95(seconds):.3f} s"


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[min(len(seconds) - 1, round(0.95 * len(seconds)))]


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


if __name__ == "__main__":
    main()
