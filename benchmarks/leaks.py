"""Whether anything grows: a collector over many cycles, a page over many loads.

    python -m benchmarks.leaks [--cycles 200] [--loads 200]

A cycle finds one new candle of a bot with everything: logs, a bundle, a backtest that is
recomputed in workers, one that is imported and diagnosed. A load is a new session on a view.
"""

import argparse
import asyncio
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import event

from benchmarks.dashboard_viewer import Viewer
from benchmarks.process_usage import Usage, usage
from collector.jobs import align_bot, open_database
from core.settings import BotSettings
from demo.plan import to_toml
from tests.e2e.browser import ROOT, free_port, wait_until_answers
from tests.growing_bot import GrowingBot, closed_at

VIEWS = ("", "collection", "alignment", "worst", "candle", "diagnosis", "features", "health")
BEGUN_WITH = 150  # bars before the first cycle
WARM_UP = 40  # cycles or loads after which nothing new is imported or cached for the first time
SHOWN_EVERY = 20
_SESSION_LIFE_S = 130  # Streamlit keeps a session that was left for two minutes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--loads", type=int, default=200)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream here
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _tell("cycle", cycles(folder, options.cycles))
        _tell("load", loads(folder, options.loads))


def cycles(folder: Path, count: int) -> list[Usage]:
    """What this process holds after each of so many cycles; raises RuntimeError where one fails."""
    bot = GrowingBot(folder / "bot")
    bot.begin(0, BEGUN_WITH)
    described = bot.described(has_export=True)
    (folder / "align.toml").write_text(
        to_toml({"database_url": f"sqlite:///{folder / 'align.db'}", "bots": [described]})
    )
    settings = BotSettings.model_validate(described)
    engine = open_database(f"sqlite:///{folder / 'align.db'}")
    taken = 0

    def take(*_: object) -> None:
        nonlocal taken
        taken += 1

    def give_back(*_: object) -> None:
        nonlocal taken
        taken -= 1

    event.listen(engine, "checkout", take)
    event.listen(engine, "checkin", give_back)
    usages = []
    for bar in range(BEGUN_WITH, BEGUN_WITH + count):
        bot.add([bar])
        if not align_bot(engine, settings, clock=lambda bar=bar: closed_at(bar)):  # type: ignore[misc]
            raise RuntimeError(f"the cycle after bar {bar} failed")
        usages.append(usage(os.getpid(), taken))
        if len(usages) % SHOWN_EVERY == 0:
            print(f"cycle {len(usages):4}: {usages[-1]}")
    engine.dispose()
    return usages


def loads(folder: Path, count: int) -> list[Usage]:
    """What the page's server holds after each of so many loads, and once they are forgotten."""
    port = free_port()
    command = [sys.executable, "-m", "dashboard", "--config", str(folder / "align.toml")]
    server = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    usages = []
    try:
        wait_until_answers(address, server)
        for number in range(count):
            asyncio.run(_load(address, VIEWS[number % len(VIEWS)]))
            usages.append(usage(server.pid))
            if len(usages) % SHOWN_EVERY == 0:
                print(f"load {len(usages):4}: {usages[-1]}")
        time.sleep(_SESSION_LIFE_S)
        asyncio.run(_load(address, ""))
        print(f"after {_SESSION_LIFE_S} s without a reader: {usage(server.pid)}")
    finally:
        server.terminate()
        server.wait(timeout=30)
    return usages


async def _load(address: str, view: str) -> None:
    async with Viewer(address) as viewer:
        drawing = await viewer.draw(view, {"window": "all"})
    if drawing.errors:
        raise RuntimeError(f"view {view or 'today'} showed an error")


def _tell(what: str, usages: Sequence[Usage]) -> None:
    """The end beside the first ones after the warm-up; memory by medians of ten."""
    if len(usages) <= WARM_UP + 10:
        return
    warm, last = usages[WARM_UP : WARM_UP + 10], usages[-10:]
    begun, ended = (statistics.median(usage.memory_mb for usage in part) for part in (warm, last))
    print(f"from {what} {WARM_UP} to {len(usages)}: memory {begun:.1f} → {ended:.1f} MB", end="")
    for name in ("files", "threads", "children", "connections"):
        values = [max(getattr(usage, name) for usage in part) for part in (warm, last)]
        print(f", {name} {values[0]} → {values[1]}", end="")
    print()


if __name__ == "__main__":
    main()
