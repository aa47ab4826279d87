"""`python -m benchmarks [NAME…]`: every benchmark in turn, each in a process of its own."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PREFIX = "bench_"


def main(arguments: list[str] | None = None) -> int:
    known = sorted(file.stem.removeprefix(PREFIX) for file in HERE.glob(f"{PREFIX}*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    names = parser.parse_args(arguments).names or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known)}")
    failed = []
    for name in names:
        started = time.monotonic()
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{PREFIX}{name}"]).returncode != 0:
            failed.append(name)
        print(f"== {name} took {time.monotonic() - started:.0f} s\n", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
