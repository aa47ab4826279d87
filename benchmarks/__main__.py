"""`python -m benchmarks [NAME…]`: every benchmark in turn, each in a process of its own.

What stores and reads runs a second time, smaller, on a private PostgreSQL server where
PostgreSQL is installed.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.postgres_server import is_installed

HERE = Path(__file__).parent
PREFIX = "bench_"
SERVER = (sys.executable, "-m", "tests.postgres_server")
ON_SERVER = {
    "ingest": ("--rows", "20000"),
    "cycle": ("--years", "0.25", "--bots", "20"),
    "dashboard": ("--days", "90", "--no-browser"),
}


def main(arguments: list[str] | None = None) -> int:
    known = sorted(file.stem.removeprefix(PREFIX) for file in HERE.glob(f"{PREFIX}*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    names = parser.parse_args(arguments).names or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}")
    failed = [name for name in names if not _runs(name, _module(name))]
    for name in ON_SERVER:
        if name in names and is_installed():
            command = [*_module(name), *ON_SERVER[name]]
            if not _runs(f"{name} on PostgreSQL", [*SERVER, *command]):
                failed.append(f"{name} on PostgreSQL")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{PREFIX}{name}"]


def _runs(title: str, command: list[str]) -> bool:
    """Run one benchmark under its title; returns whether it ended well."""
    started = time.monotonic()
    print(f"== {title}", flush=True)
    is_done = subprocess.run(command).returncode == 0
    print(f"== {title} took {time.monotonic() - started:.0f} s\n", flush=True)
    return is_done


if __name__ == "__main__":
    sys.exit(main())
