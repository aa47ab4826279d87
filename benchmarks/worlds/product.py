"""The program under test, by its command line alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

ROOT = Path(__file__).parents[2]
LONGEST_S = 900
OF_ITS_RUN = ("made_at", "id", "run", "diagnosis")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Answer:
    """documents: what `diagnose` says, by comparison; faults: lines of runs that failed."""

    documents: Mapping[str, Mapping[str, Any]]
    faults: tuple[str, ...]
    seconds: float


def ask(folder: Path, comparisons: tuple[str, ...] = ("lab",)) -> Answer:
    """One cycle and a diagnosis of each comparison in the workspace `folder`."""
    began = monotonic()
    faults: list[str] = []
    documents: dict[str, Mapping[str, Any]] = {}
    once = _run(folder, "once")
    if once.returncode != 0:
        faults.append(f"once: {_last(once)}")
    for name in comparisons:
        said = _run(folder, "diagnose", "--comparison", name, "--json")
        if said.returncode != 0:
            faults.append(f"diagnose {name}: {_last(said)}")
            continue
        document = json.loads(said.stdout)
        documents[name] = document[0] if isinstance(document, list) else document
        (folder / f"diagnosis_{name}.json").write_text(json.dumps(document, indent=1))
    return Answer(documents, tuple(faults), monotonic() - began)


@contextmanager
def busy_machine(hogs: int = 2) -> Iterator[None]:
    """A machine on which other programs want every core."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(hogs)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def without_times(document: object) -> object:
    """A document without what two runs may differ in: ids and times of making."""
    if isinstance(document, Mapping):
        kept = {key: value for key, value in document.items() if key not in OF_ITS_RUN}
        return {key: without_times(value) for key, value in kept.items()}
    if isinstance(document, list):
        return [without_times(item) for item in document]
    return document


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "collector", "--config", str(folder / "align.toml"), *words]
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            env=os.environ | ONE_THREAD,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {LONGEST_S} s")


def _last(run: subprocess.CompletedProcess[str]) -> str:
    lines = (run.stderr or run.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit {run.returncode} without a word"
