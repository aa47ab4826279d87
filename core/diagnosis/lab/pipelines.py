"""Which feature functions are known: configured ones, and siblings on the pipeline path."""

import ast
from collections.abc import Iterator
from pathlib import Path

from core.recompute.pipeline import REFERENCE
from core.regular_file import read_regular
from core.settings import BotSettings

_MAX_SIBLINGS = 8  # each is re-run; more files are a library, no versions
_MAX_FILE_BYTES = 1_000_000  # larger files are no feature code; each is parsed


def known_pipelines(bot: BotSettings, own: str) -> tuple[str, ...]:
    """The backtest's pipeline first, then the others of the bot, then files that may be versions.

    A sibling is a module beside the configured one that defines a function of the same
    name: a version that was left lying. It is found by reading, not by running.
    """
    configured = [entry.pipeline for entry in bot.backtests if entry.pipeline is not None]
    siblings = [] if own == REFERENCE else list(_siblings(bot, own))[:_MAX_SIBLINGS]
    return tuple(dict.fromkeys([own, *configured, *siblings, REFERENCE]))


def _siblings(bot: BotSettings, own: str) -> Iterator[str]:
    module, _, function = own.partition(":")
    package, _, _ = module.rpartition(".")
    for folder in bot.pipeline_path:
        place = Path(folder, *package.split(".")) if package else Path(folder)
        for file in sorted(place.glob("*.py")):
            if _defines(file, function):
                yield f"{package}.{file.stem}:{function}" if package else f"{file.stem}:{function}"


def _defines(file: Path, function: str) -> bool:
    try:
        if file.stat().st_size > _MAX_FILE_BYTES:
            return False
        tree = ast.parse(read_regular(file))
    except (OSError, SyntaxError, ValueError):
        return False  # not readable as Python: no version of the pipeline either
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)
