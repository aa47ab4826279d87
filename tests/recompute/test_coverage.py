"""How much of a window a backtest covers, on a real file."""

from pathlib import Path

from core.recompute import coverage
from core.storage.engine import reader_engine
from tests.dashboard.seed import seed_database
from tests.dashboard.seed_plan import BACKTEST, Plan
from tests.databases import database_url
from tests.seeded_window import OPENS


def test_coverage_of_a_window_counts_what_waits_in_it(tmp_path: Path) -> None:
    seed_database(tmp_path / "align.db", (Plan(days=2, gaps=(), recomputed_every=4),)).dispose()
    engine = reader_engine(database_url(tmp_path / "align.db"))
    with engine.connect() as seeded_connection:
        whole = coverage.window_coverage(seeded_connection, 1, BACKTEST)
        part = coverage.window_coverage(
            seeded_connection, 1, BACKTEST, OPENS[1].to_pydatetime(), OPENS[9].to_pydatetime()
        )
        covered = coverage.window_coverage(
            seeded_connection, 1, BACKTEST, OPENS[4].to_pydatetime(), OPENS[5].to_pydatetime()
        )
        other = coverage.window_coverage(seeded_connection, 1, "recomputed-300")
    engine.dispose()
    assert whole is not None
    assert (whole.wanted, whole.covered, whole.pending) == (576, 144, 432)
    assert part is not None
    assert (part.wanted, part.covered, part.is_sample) == (8, 2, True)
    assert covered is not None
    assert (covered.covered_ratio, covered.is_sample) == (1.0, False)
    assert other is None
