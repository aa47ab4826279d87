from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.bots import ensure_bot
from core.recompute.compute import CachedRow
from core.recompute.stored_cache import ReadCache, StoredCache
from core.recompute.vector_cache import bound_cache
from core.storage.engine import snapshot
from tests.stored_rows import new_database

START = datetime(2025, 11, 10, tzinfo=UTC)
ROW = CachedRow(("a", "b"), np.array([1.5, np.nan]), np.array([False, True]))
FAILURE = CachedRow((), np.array([]), np.array([], bool), ("failed", "no data on the hour"))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[StoredCache]:
    engine = new_database(tmp_path)
    with engine.begin() as connection:
        bot_id = ensure_bot(connection, "a", "5m")
    yield StoredCache(engine, bot_id, START)
    engine.dispose()


def after(cache: StoredCache, days: float) -> StoredCache:
    return StoredCache(cache.engine, cache.bot_id, START + timedelta(days=days))


def test_rows_and_failures_come_back_as_they_were_put(cache: StoredCache) -> None:
    cache.put({"row": ROW, "failure": FAILURE})
    found = cache.get(["failure", "row", "unknown"])
    assert set(found) == {"row", "failure"}
    assert found["row"].columns == ROW.columns
    assert found["row"].values.tobytes() == ROW.values.tobytes()
    assert found["row"].warming.tolist() == [False, True]
    assert found["failure"].failure == FAILURE.failure


def test_what_nobody_used_for_thirty_days_is_dropped(cache: StoredCache) -> None:
    cache.put({"used": ROW, "unused": ROW})
    after(cache, 29).get(["used"])
    after(cache, 30).prune()
    assert set(after(cache, 30).get(["used", "unused"])) == {"used", "unused"}
    cache.put({"unused": ROW})  # as old as before
    after(cache, 31).prune()
    assert set(after(cache, 31).get(["used", "unused"])) == {"used"}


def test_one_use_a_day_is_noted(cache: StoredCache) -> None:
    cache.put({"row": ROW})
    after(cache, 0.5).get(["row"])
    after(cache, 30.25).prune()
    assert not after(cache, 30.25).get(["row"])


def test_rows_of_last_use_are_kept_where_there_are_too_many(cache: StoredCache) -> None:
    cache.put({"old": ROW, "used": ROW})
    after(cache, 2).put({"new": ROW})
    after(cache, 3).get(["used"])
    with cache.engine.begin() as connection:
        bound_cache(connection, most_rows=2)
    assert set(cache.get(["old", "used", "new"])) == {"used", "new"}
    cache.bound()
    assert set(cache.get(["old", "used", "new"])) == {"used", "new"}


def test_a_reader_knows_what_is_kept_and_keeps_nothing(cache: StoredCache) -> None:
    cache.put({"row": ROW})
    with snapshot(cache.engine) as connection:
        reader = ReadCache(connection)
        reader.put({"other": ROW})
        found = reader.get(["row", "other"])
    assert set(found) == {"row"}
    assert found["row"].values.tobytes() == ROW.values.tobytes()
