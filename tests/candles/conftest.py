from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.storage.engine import writer_engine
from tests.databases import migrated_url


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A migrated database with the bot "btc" (id 1)."""
    engine = writer_engine(migrated_url(tmp_path / "align.db"))
    with engine.begin() as conn:
        ensure_bot(conn, "btc", "5m")
    yield engine
    engine.dispose()
