"""The command line: `python -m collector [--config align.toml] VERB`.

Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration.
Standard output carries results only; everything else goes to standard error.
"""

import argparse
import logging
import os
import sys

from collector.arguments import build_parser
from core.errors import AlignError, ConfigError

_LOG = logging.getLogger("collector")


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    from collector import verbs  # after the parser: --help waits for no library
    from collector.stop import Stopped

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        return verbs.VERBS[options.verb](options)
    except ConfigError as error:
        _LOG.error("%s", error)
        return 2
    except AlignError as error:
        _LOG.error("%s", error)
        return 1
    except Stopped:
        return 0
    except BrokenPipeError:  # the reader of standard output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """What argparse cannot say by itself; exits with 2."""
    start, end = getattr(options, "from_", None), getattr(options, "until", None)
    if start is not None and end is not None and start >= end:
        parser.error(f"--from {start.isoformat()} does not lie before --until {end.isoformat()}")
    if options.verb == "convert-model" and options.long is None and options.short is None:
        parser.error("convert-model needs --long, --short or both")


if __name__ == "__main__":
    sys.exit(main())
