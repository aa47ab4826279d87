"""`make run`: collector, dashboard and, for the demo, its simulated bot, as one program.

Without a configuration the demo workspace is built first. Ctrl-C or SIGTERM stops
every process cleanly; when one of them ends by itself, the others are stopped too.
"""

import argparse
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from urllib.error import URLError

from core.errors import AlignError, ConfigError
from core.settings import config_path, load_settings

_LOG = logging.getLogger("align")
ROOT = Path(__file__).resolve().parent.parent
DEMO_FOLDER = Path("demo-workspace")
DEMO_STATE = "demo.json"  # lies in every demo workspace
_POLL_S = 0.2
_STOP_S = 20.0


@dataclass(slots=True)
class Program:
    """The processes that run together, by what they are called in messages."""

    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    is_stopping: bool = False

    def start(self, name: str, *arguments: str) -> None:
        """Start a module; in a session of its own, so that Ctrl-C reaches it through us alone."""
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", *arguments], start_new_session=True
        )

    def wait(self) -> str | None:
        """Until a stop is asked for (None) or a process ends by itself (its name)."""
        while not self.is_stopping:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    return name
            time.sleep(_POLL_S)
        return None

    def stop(self) -> None:
        """End every process, the newest first; one that does not end in time is killed."""
        running = [entry for entry in self.processes.items() if entry[1].poll() is None]
        for _, process in reversed(running):
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        for name, process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _LOG.warning("the %s did not end in %d s and is killed", name, round(_STOP_S))
                process.kill()
                process.wait()


def main(arguments: list[str] | None = None) -> int:
    """Run everything until a stop: 0 stopped, 1 a process failed, 2 wrong configuration."""
    parser = argparse.ArgumentParser(prog="python -m collector.launch", description=__doc__)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--port", type=int, help="the page's port (default: the configured one)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    program = Program()

    def stop(_number: int, _frame: FrameType | None) -> None:
        program.is_stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        config = _configuration(options.config, program)
        return 0 if config is None else _run(program, config, options.port)
    except ConfigError as error:
        _LOG.error("%s", error)
        return 2
    except AlignError as error:
        _LOG.error("%s", error)
        return 1
    finally:
        program.stop()


def _configuration(argument: Path | None, program: Program) -> Path | None:
    """The configuration to run; builds the demo where there is none. None: stopped meanwhile."""
    config = config_path(argument)
    if argument is not None or "ALIGN_CONFIG" in os.environ or config.is_file():
        return config
    demo = (Path.cwd() / DEMO_FOLDER).resolve()
    if not (demo / "align.toml").is_file():
        _LOG.info("no align.toml here: building the simulated demo bot in %s", DEMO_FOLDER)
        program.start("demo builder", "collector", "demo", "--dir", str(demo))
        program.wait()
        builder = program.processes.pop("demo builder")
        if builder.poll() is None:
            program.processes["demo builder"] = builder
            return None
        if builder.returncode != 0:
            raise AlignError("the demo workspace could not be built; the reason stands above")
    return demo / "align.toml"


def _run(program: Program, config: Path, port: int | None) -> int:
    settings = load_settings(config)
    address, port = settings.dashboard.address, port or settings.dashboard.port
    _check_port(address, port)
    shown = ["--config", str(config)]
    program.start("collector", "collector", *shown, "run")
    program.start("dashboard", "dashboard", *shown, "--port", str(port))
    if has_live_bot(config.parent):
        program.start("simulated bot", "demo", "--dir", str(config.parent))
    _announce(program, address, port)
    ended = program.wait()
    if ended is None:
        _LOG.info("stopping")
        return 0
    _LOG.error("the %s ended by itself; stopping the rest", ended)
    return 1


def has_live_bot(folder: Path) -> bool:
    """Whether a demo without a fault lies here: only such a bot goes on logging."""
    state = folder / DEMO_STATE
    return state.is_file() and not json.loads(state.read_text(encoding="utf-8"))["faults"]


def _check_port(address: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} on {address} is not free ({error.strerror}); "
                "choose another: make run PORT=8502"
            ) from error


def _announce(program: Program, address: str, port: int) -> None:
    """Print the page's address once it answers."""
    host = "127.0.0.1" if address in ("0.0.0.0", "::") else address
    url = f"http://{host}:{port}"
    while not program.is_stopping and program.processes["dashboard"].poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                break
        except (URLError, OSError):
            time.sleep(_POLL_S)
    else:
        return
    _LOG.info("Align is running: %s (stop with Ctrl-C)", url)


if __name__ == "__main__":
    sys.exit(main())
