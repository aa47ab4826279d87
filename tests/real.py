"""Where a real bot's files are, for the tests that use them; they skip without."""

import os
from pathlib import Path

import pytest

REAL = Path(
    os.environ.get("ALIGN_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "real"
)
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="no real bot's files here")
