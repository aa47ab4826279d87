"""How soon a command answers: CPU seconds of whole processes, on a bot of seven days.

python -m benchmarks.bench_start [--turns 5]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import cpu_of_command, show
from benchmarks.simulated_bot import DAY_ROWS, SimulatedBot, write_bots

COMMANDS = (("--help", "<= 0.25"), ("status --json", "<= 0.7"), ("once", "<= 1.3"))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--turns", type=int, default=5)
    turns = arguments.parse_args().turns
    with tempfile.TemporaryDirectory() as folder:
        bot = SimulatedBot(Path(folder), 0, 7 * DAY_ROWS, ahead=0)
        config = write_bots(Path(folder), [bot], f"sqlite:///{folder}/align.db")
        program = [sys.executable, "-m", "collector", "--config", str(config)]
        print("a whole process, nothing new to do, CPU seconds:")
        show(
            "interpreter and pandas alone",
            cpu_of_command([sys.executable, "-c", "import pandas"], turns),
        )
        cpu_of_command([*program, "once"], turns=2)
        for words, goal in COMMANDS:
            show(words, cpu_of_command([*program, *words.split()], turns), goal)


if __name__ == "__main__":
    main()
