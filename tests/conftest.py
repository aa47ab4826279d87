"""What holds for every test."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from core.bots import comparisons
from core.storage.engine import reader_engine
from tests.dashboard.seed import seed_database
from tests.dashboard.seed_plan import BACKTEST, Plan
from tests.seeded_window import PLAN

# A deadline an example would fail on a busy machine, which says nothing about the program.
settings.register_profile("align", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("align")


@pytest.fixture(scope="session")
def seeded_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """Two days of a bot and its backtest, as a reader sees them."""
    file = tmp_path_factory.mktemp("reads") / "align.db"
    seed_database(file, (PLAN,)).dispose()
    engine = reader_engine(f"sqlite:///{file}")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="session")
def sampled_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """The backtest covers each third candle."""
    file = tmp_path_factory.mktemp("sampled") / "align.db"
    seed_database(file, (Plan(days=2, recomputed_every=3),)).dispose()
    engine = reader_engine(f"sqlite:///{file}")
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="session")
def seeded_comparison(seeded_connection: sa.Connection) -> int:
    return next(one.id for one in comparisons(seeded_connection, 1) if one.name == BACKTEST)
