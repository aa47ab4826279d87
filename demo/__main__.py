"""python -m demo --dir D: the live bot of a demo workspace, until Ctrl-C or SIGTERM."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from core.errors import ConfigError
from demo.live import LiveBot, waits

LOGGER = logging.getLogger("demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Log each closed candle; 0 when stopped, 2 where the folder holds no clean demo."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Go on logging as the simulated bot of a demo workspace."
    )
    parser.add_argument("--dir", type=Path, required=True, help="folder of the demo workspace")
    parser.add_argument("--once", action="store_true", help="log what is due and stop")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        bot = LiveBot(options.dir)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    while True:
        opened = bot.step(datetime.now(UTC))
        if opened is not None:
            LOGGER.info("simulated candle %s logged", opened.isoformat())
        if options.once or stop.wait(waits(datetime.now(UTC))):
            return 0


if __name__ == "__main__":
    sys.exit(main())
