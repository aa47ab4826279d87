"""What the benchmarks measure by: CPU seconds in turn, their spread, a line a figure.

CPU seconds hold on a shared machine, wall times do not. They count this process with all its
threads, children that have ended, and the private PostgreSQL server where the databases live.
"""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from tests.databases import SERVER

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spread:
    """One figure measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __truediv__(self, other: "Spread") -> "Spread":
        """Ratios turn by turn, so that what slowed down a whole turn cancels."""
        return Spread(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{self.median:9.3f}  ({low:.3f} to {high:.3f})"


def show(name: str, value: Spread | float, goal: str = "") -> None:
    """One line: what, its median with the range, and the goal beside it."""
    spread = value if isinstance(value, Spread) else f"{value:9.3f}"
    print(f"  {name:<52} {spread}{f'  goal {goal}' if goal else ''}", flush=True)


def database_kind() -> str:
    return "SQLite" if SERVER is None else "PostgreSQL"


def cpu_s() -> float:
    """CPU seconds spent so far."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent) + _server_cpu_s()


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    before = cpu_s()
    work()
    return cpu_s() - before


def in_turn(
    turns: int,
    ways: Mapping[str, Callable[[], object]],
    before: Callable[[], object] = lambda: None,
) -> dict[str, Spread]:
    """CPU seconds of each way, one after the other in every turn; `before` is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        before()
        for name, work in ways.items():
            spent[name].append(cpu_of(work))
    return {name: Spread(tuple(seconds)) for name, seconds in spent.items()}


def cpu_of_command(command: Sequence[str], turns: int) -> Spread:
    """CPU seconds of a program from its start to its end; raises where it fails."""

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    return in_turn(turns, {"": run})[""]


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a running process so far, all its threads, and of the private server."""
    return sum(_stat(pid)[11:13]) * _TICK_S + _server_cpu_s()


def idle_ratio(seconds: float = 1.0) -> float:
    """Share of the machine's cores that nobody uses while this process sleeps; NaN: not known."""
    before = _machine_ticks()
    time.sleep(seconds)
    after = _machine_ticks()
    if before is None or after is None:
        return float("nan")
    return (after[0] - before[0]) / (after[1] - before[1])


def _machine_ticks() -> tuple[int, int] | None:
    """Ticks of all cores since the start of the machine: idle, and all."""
    file = Path("/proc/stat")
    if not file.exists():
        return None
    ticks = [int(field) for field in file.read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _stat(pid: int | str) -> list[int]:
    """The numbers of /proc/PID/stat behind the name and the state: 0 is the parent."""
    text = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    return [0, *map(int, text.split()[1:])]


def _server_cpu_s() -> float:
    """CPU seconds of the private server and of its processes, those that ended included."""
    if SERVER is None:
        return 0.0
    folder = sa.make_url(SERVER).query.get("host", "")
    file = Path(str(folder)) / "data" / "postmaster.pid"
    if not file.exists():
        return 0.0  # somebody else's server, perhaps on another machine
    server = int(file.read_text().split()[0])
    ticks = sum(_stat(server)[11:15])
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                numbers = _stat(entry.name)
            except OSError:  # it ended meanwhile
                continue
            ticks += sum(numbers[11:13]) if numbers[1] == server else 0
    return ticks * _TICK_S
