"""The command line's grammar: verbs, options and how their values are read."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

EXPORTS = ("pairs", "signals", "features", "gaps", "quarantine", "findings")
FORMATS = ("csv", "parquet", "json")


def build_parser() -> argparse.ArgumentParser:
    """The parser of `python -m collector`; it exits with 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m collector",
        description="Watch a trading bot's signals against its backtest.",
    )
    _add_config(parser, default=None)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _verb(verbs, "once", "one full cycle of every bot, then exit")
    _verb(verbs, "run", "the scheduled service")
    status = _verb(verbs, "status", "collection, ingestion accounts, alignment, newest findings")
    _add_window(status)
    _add_json(status)
    diagnose = _verb(verbs, "diagnose", "findings for a window, from what is stored")
    _add_window(diagnose)
    diagnose.add_argument(
        "--comparison", metavar="NAME", help="default: the first backtest, else replay"
    )
    _add_json(diagnose)
    _add_export(verbs)
    _add_convert_model(verbs)
    demo = _verb(verbs, "demo", "a simulated bot's workspace with its align.toml")
    demo.add_argument("--dir", required=True, type=Path, metavar="D")
    demo.add_argument("--fault", nargs="+", action="extend", default=[], metavar="NAME")
    return parser


def utc_time(text: str) -> datetime:
    """ISO text → UTC; without an offset it is UTC already."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no time; write e.g. 2025-11-03 or 2025-11-03T04:45:00Z'
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, does: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=does, description=does)
    _add_config(parser, default=argparse.SUPPRESS)
    return parser


def _add_config(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=default,
        metavar="align.toml",
        help="the configuration file (default: ALIGN_CONFIG, else align.toml here)",
    )


def _add_window(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bot", metavar="B", help="one bot (default: every bot)")
    parser.add_argument(
        "--from", dest="from_", type=utc_time, metavar="T", help="first candle open (UTC)"
    )
    parser.add_argument(
        "--until", type=utc_time, metavar="T", help="candle opens before this time (UTC)"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _add_export(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    export = _verb(verbs, "export", "data out")
    export.add_argument("what", choices=EXPORTS)
    export.add_argument("--format", choices=FORMATS, required=True)
    export.add_argument(
        "--out", type=Path, metavar="F", help="the file to write (default: standard output)"
    )
    _add_window(export)


def _add_convert_model(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    convert = _verb(verbs, "convert-model", "models of one side or both into a bundle folder")
    convert.add_argument("--out", required=True, type=Path, metavar="DIR")
    for side in ("long", "short"):
        convert.add_argument(
            f"--{side}", type=Path, metavar="M", help="an XGBoost .json or .ubj, or a folder"
        )
        convert.add_argument(f"--{side}-scaler", type=Path, metavar="S")
        convert.add_argument(f"--{side}-features", type=Path, metavar="F")
