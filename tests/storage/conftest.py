from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.stored_rows import new_database


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A writer on an empty database of the current schema."""
    engine = new_database(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction of the writer."""
    with engine.begin() as connection:
        yield connection
