"""A cycle of bots with a backtest each: everything at first, one new candle, nothing new.

    python -m benchmarks.bench_cycle [--years 1 3] [--bots 20 50] [--days 7]

One bot with a history of years, then many bots with one of days; CPU seconds of all bots
together. A cycle's cost must not grow with the history, and with the number of bots only as itself.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.figures import cpu_of, database_kind, in_turn, show
from benchmarks.simulated_bot import DAY_ROWS, YEAR_ROWS, SimulatedBot, write_bots
from core.cycle import run_cycle
from core.settings import load_settings
from core.status import status_document
from core.storage.engine import migrate, snapshot, writer_engine
from tests.databases import database_url, dropped_afterwards

TURNS = 5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--years", type=float, nargs="*", default=[1, 3])
    arguments.add_argument("--bots", type=int, nargs="*", default=[20, 50])
    arguments.add_argument("--days", type=int, default=7, help="history of each of many bots")
    chosen = arguments.parse_args()
    cases = [(1, round(years * YEAR_ROWS), "< 0.15") for years in chosen.years]
    cases += [(bots, chosen.days * DAY_ROWS, f"< {0.15 * bots:g}") for bots in chosen.bots]
    for bots, rows, goal in cases:
        with tempfile.TemporaryDirectory() as folder, dropped_afterwards():
            measure(Path(folder), bots, rows, goal)


def measure(folder: Path, count: int, rows: int, goal: str) -> None:
    """Print the CPU seconds of the cycles of some bots with so many logged candles each."""
    bots = [SimulatedBot(folder, number, rows, ahead=TURNS) for number in range(count)]
    url = database_url(folder / "align.db")
    settings = load_settings(write_bots(folder, bots, url))
    engine = writer_engine(url)
    migrate(engine)

    def go_on() -> None:
        for bot in bots:
            bot.go_on()

    def cycle() -> None:
        for bot in settings.bots:
            report = run_cycle(engine, bot, clock=lambda: bots[0].now)
            if report.failures:
                raise RuntimeError(str(report.failures))

    def status() -> None:
        with snapshot(engine) as connection:
            status_document(connection, settings, now=bots[0].now)

    print(f"{count} bot(s), {rows:,} candles each, {database_kind()}, CPU seconds of all:")
    show("first cycle, everything", cpu_of(cycle))
    cycle()  # what the first one left for later
    ways = {"one new candle": cycle, "nothing new": cycle, "status": status}
    spent = in_turn(TURNS, ways, before=go_on)
    show("cycle, one new candle", spent["one new candle"], goal)
    show("cycle, nothing new", spent["nothing new"], goal)
    show("status document", spent["status"], "<= 0.06" if count == 1 else "")
    engine.dispose()


if __name__ == "__main__":
    main()
