"""What a process holds at a moment, as Linux tells it."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """Resident memory in MB, open files, threads, child processes and database connections."""

    memory_mb: float
    files: int
    threads: int
    children: int
    connections: int = 0

    def __str__(self) -> str:
        return (
            f"{self.memory_mb:7.1f} MB, {self.files} files, {self.threads} threads, "
            f"{self.children} children, {self.connections} connections"
        )


def usage(process: int, connections: int = 0) -> Usage:
    """Of a running process; `connections` are those that its engine says are taken."""
    folder = Path(f"/proc/{process}")
    status = dict(
        line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
    )
    return Usage(
        memory_mb=int(status["VmRSS"].split()[0]) / 1000,
        files=len(os.listdir(folder / "fd")),
        threads=int(status["Threads"]),
        children=sum(len(path.read_text().split()) for path in folder.glob("task/*/children")),
        connections=connections,
    )


def cpu_seconds(process: int) -> float:
    """Of a running process and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS
