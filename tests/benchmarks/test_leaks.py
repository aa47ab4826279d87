"""A few cycles hold no more at their end than once everything was imported."""

import os
from pathlib import Path

import pytest

from benchmarks.leaks import cycles
from benchmarks.process_usage import usage

pytestmark = [pytest.mark.slow, pytest.mark.sqlite("the process holds no server's connections")]


def test_no_cycle_leaves_anything_open(tmp_path: Path) -> None:
    before = usage(os.getpid()).children  # workers that other tests share
    found = cycles(tmp_path, 7)
    warm, last = found[2], found[-1]
    assert last.files <= warm.files
    assert last.threads <= warm.threads
    assert (last.children, last.connections) == (before, 0)
