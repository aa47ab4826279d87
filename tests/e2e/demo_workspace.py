"""The demo as a new user gets it: built, and collected once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def make_demo(folder: Path) -> Path:
    """Build and collect the demo in this folder, unless it is there; returns its align.toml."""
    config = folder / "align.toml"
    if not config.is_file():
        run("demo", "--dir", str(folder))
    run("--config", str(config), "once")
    return config


def run(*arguments: str) -> str:
    """`python -m collector …`; returns what it prints. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-m", "collector", *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=900,
    )
    return done.stdout


def status(config: Path) -> dict[str, Any]:
    """The first bot of `status --json`."""
    document = json.loads(run("--config", str(config), "status", "--json"))
    bot: dict[str, Any] = document["bots"][0]
    return bot
