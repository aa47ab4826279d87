"""SIGKILL at many points of an ingest, in a process of its own, then once more to the end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stage", ["first", "later"])
@pytest.mark.parametrize("noun", ["features", "signals"])
def test_an_ingest_killed_anywhere_ends_in_the_same_content(
    tmp_path: Path, noun: str, stage: str
) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tests.tailing.killed", str(tmp_path), noun, stage],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    outcome = json.loads(finished.stdout)
    assert outcome["killed"] >= 15
    assert outcome["wrong"] == []
