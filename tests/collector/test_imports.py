"""What a verb imports where nothing is new: each library costs every call of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from collector.__main__ import main
from tests.collector.bots import write_config, write_log
from tests.recompute.recompute_world import make_bundle

HEAVY = {
    *("alembic", "apprise", "apscheduler", "ccxt", "numba", "requests", "scipy", "sklearn"),
    *("talib", "xgboost", "core.diagnosis.report"),
}
CODE = """
import sys
from collector.__main__ import main
assert main(sys.argv[2:]) == 0
print("loaded:", *sorted(set(sys.argv[1].split()) & set(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bot with a live bundle and a backtest, whose first cycle is over."""
    folder = tmp_path_factory.mktemp("bot")
    make_bundle(folder / "bundle", ("f1", "f2"))
    extra = (
        '[[bots.deployments]]\nbundle = "bundle"\nfrom = 2025-11-01T00:00:00Z\n'
        "[bots.rule]\nlong_threshold = 0.5\nshort_threshold = 0.5\n"
        '[[bots.backtests]]\nname = "b"\npipeline = "reference"\nlookback_bars = 300\n'
    )
    file = write_config(folder, "a", extra=extra)
    write_log(folder / "a" / "features_1.csv", 60)
    for _ in range(2):
        assert main(["--config", str(file), "once"]) == 0
    return file


@pytest.mark.parametrize("verb", ["once", "status"])
def test_nothing_heavy_is_imported_where_nothing_is_new(config: Path, verb: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", CODE, " ".join(HEAVY), "--config", str(config), verb],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert finished.stderr.splitlines()[-1].split() == ["loaded:"]
