"""How often a trader's own code is called: to recompute a backtest, and to explain it.

    python -m benchmarks.bench_diagnosis [--days 2]

The bot saw 600 candles, its backtest 300. The pipeline writes a byte at each call, so that calls
are counted whoever makes them: a trader's code is slow, and they are what a diagnosis costs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import cpu_s, show
from benchmarks.simulated_bot import DAY_ROWS, SimulatedBot, write_bots

PIPELINE = """
from reference_pipeline.pipeline import compute as features

def compute(candles):
    with open("{calls}", "ab") as file:
        file.write(b".")
    return features(candles)
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--days", type=int, default=2)
    days = arguments.parse_args().days
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), days * DAY_ROWS)


def measure(folder: Path, rows: int) -> None:
    """Print calls and CPU seconds of a first cycle and of a diagnosis after it."""
    calls = folder / "calls"
    calls.touch()
    (folder / "counted.py").write_text(PIPELINE.format(calls=calls))
    backtest = {"pipeline": "counted:compute", "lookback_bars": 300, "tolerance": 0.001}
    bot = SimulatedBot(folder, 0, rows, ahead=0, backtest=backtest)
    config = write_bots(folder, [bot], f"sqlite:///{folder}/align.db")
    program = (sys.executable, "-m", "collector", "--config", str(config))
    print(f"{rows:,} candles, a pipeline of the trader's own that saw half the bot's history:")
    _counted("first cycle, diagnosis included", [*program, "once"], calls)
    answer = _counted("diagnosis once more", [*program, "diagnose", "--json"], calls)
    for finding in json.loads(answer)["findings"]:
        if finding["verdict"] == "proven":
            print(f"  proven: {finding['summary']}")


def _counted(name: str, command: Sequence[str], calls: Path) -> str:
    """Run a program; show its calls and CPU seconds; returns what it said."""
    before, made = cpu_s(), calls.stat().st_size
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    show(f"{name}, calls of the pipeline", calls.stat().st_size - made)
    show(f"{name}, CPU seconds", cpu_s() - before)
    return answer.stdout


if __name__ == "__main__":
    main()
