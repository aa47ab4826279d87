"""A cycle that is killed or stopped in any of its steps changes nothing of what the next ends in.

ALIGN_KILLS says how many are killed (1,000 in the long form); in a process of its own, since a
process with threads must not fork.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("ALIGN_KILLS", "18"))  # each step once, at its first and a later cycle

pytestmark = [pytest.mark.slow, pytest.mark.sqlite("an attempt begins with a copy of the file")]


def test_a_cycle_killed_anywhere_ends_in_the_same_content(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tests.killed.harness", str(tmp_path), "--kills", str(KILLS)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    found = json.loads(finished.stdout)
    assert {step: one["wrong"] for step, one in found["steps"].items() if one["wrong"]} == {}
    assert len(found["steps"]) == 18
    assert found["kills"] >= 0.8 * KILLS  # others had ended before they were hit
