"""What holds for every test."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from core.bots import comparisons
from core.storage.engine import reader_engine
from tests.dashboard.seed import seed_database
from tests.dashboard.seed_plan import BACKTEST, Plan
from tests.databases import SERVER, database_url, dropped_afterwards
from tests.seeded_window import PLAN

# A deadline an example would fail on a busy machine, which says nothing about the program.
settings.register_profile("align", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("align")


@pytest.fixture(scope="session", autouse=True)
def _databases_of_the_session() -> Iterator[None]:
    with dropped_afterwards():
        yield


@pytest.fixture(autouse=True)
def _databases_of_the_test(_databases_of_the_session: None) -> Iterator[None]:
    with dropped_afterwards():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a server's database, leave out what is about SQLite's file itself; and the reverse."""
    about, where = ("sqlite", "PostgreSQL") if SERVER else ("postgres", "SQLite")
    for item in items:
        mark = item.get_closest_marker(about)
        if mark is not None:
            item.add_marker(pytest.mark.skip(reason=f"not on {where}: {mark.args[0]}"))


@pytest.fixture(scope="session")
def seeded_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """Two days of a bot and its backtest, as a reader sees them."""
    file = tmp_path_factory.mktemp("reads") / "align.db"
    seed_database(file, (PLAN,)).dispose()
    engine = reader_engine(database_url(file))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="session")
def sampled_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """The backtest covers each third candle."""
    file = tmp_path_factory.mktemp("sampled") / "align.db"
    seed_database(file, (Plan(days=2, recomputed_every=3),)).dispose()
    engine = reader_engine(database_url(file))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="session")
def seeded_comparison(seeded_connection: sa.Connection) -> int:
    return next(one.id for one in comparisons(seeded_connection, 1) if one.name == BACKTEST)
