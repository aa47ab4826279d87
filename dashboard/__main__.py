"""`python -m dashboard [--config F] [--port N]`: start the page with safe settings."""

import argparse
import os
import sys
from pathlib import Path

from core.errors import AlignError
from core.settings import Settings, config_path, load_settings
from dashboard.access import check_address

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m dashboard", description="Show what the collector stored."
    )
    parser.add_argument("--config", type=Path, help="configuration file (default: align.toml)")
    parser.add_argument("--port", type=_port, help="port to listen on (default: 8501)")
    options = parser.parse_args(arguments)
    file = config_path(options.config)
    try:
        settings = load_settings(file)
        os.chdir(ROOT)  # where .streamlit/config.toml lies
        check_address(settings.dashboard)
    except AlignError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    os.environ["ALIGN_CONFIG"] = str(file)
    os.environ["PYTHONPATH"] = _python_path()
    command = streamlit_command(settings, options.port)
    os.execv(sys.executable, command)  # signals reach the server itself


def streamlit_command(settings: Settings, port: int | None = None) -> list[str]:
    """The server's command line; .streamlit/config.toml holds what never changes."""
    address = settings.dashboard.address
    is_everywhere = address in ("0.0.0.0", "::")  # then the reader's host name is not known here
    hosts = ["*"] if is_everywhere else ["localhost", "127.0.0.1", address]
    return [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(ROOT / "dashboard" / "app.py"),
        f"--server.address={address}",
        f"--server.port={port or settings.dashboard.port}",
        *(f"--server.allowedHosts={host}" for host in dict.fromkeys(hosts)),
    ]


def _python_path() -> str:
    known = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([str(ROOT), known] if known else [str(ROOT)])


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port (1 to 65535)")
    return port


if __name__ == "__main__":
    sys.exit(main())
