from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.storage.changes import feature_changes, merge_spans, note_feature_rows
from tests.stored_rows import new_database


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    engine = new_database(tmp_path)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_reader_sees_what_changed_since_it_looked(connection: sa.Connection) -> None:
    bot = ensure_bot(connection, "a", "5m")
    first = feature_changes(connection, bot, None)
    assert first.spans is None
    note_feature_rows(connection, bot, [30, 10, 20])
    note_feature_rows(connection, bot, [])
    note_feature_rows(connection, bot, [70])
    changes = feature_changes(connection, bot, first.newest)
    assert changes.spans == ((10, 30), (70, 70))
    assert feature_changes(connection, bot, changes.newest).spans == ()


def test_another_bots_changes_are_not_mine(connection: sa.Connection) -> None:
    mine, other = ensure_bot(connection, "a", "5m"), ensure_bot(connection, "b", "5m")
    note_feature_rows(connection, mine, [10])
    seen = feature_changes(connection, mine, None).newest
    note_feature_rows(connection, other, [20])
    assert feature_changes(connection, mine, seen).spans == ()


def test_a_reader_that_slept_too_long_looks_at_everything(connection: sa.Connection) -> None:
    bot = ensure_bot(connection, "a", "5m")
    note_feature_rows(connection, bot, [1])
    seen = feature_changes(connection, bot, None).newest
    for opened in range(1500):
        note_feature_rows(connection, bot, [opened])
    assert feature_changes(connection, bot, seen).spans is None
    assert (
        feature_changes(connection, bot, feature_changes(connection, bot, seen).newest).spans == ()
    )


def test_overlapping_spans_are_one() -> None:
    assert merge_spans([(20, 30), (0, 10), (5, 22), (40, 41)]) == ((0, 30), (40, 41))
    assert merge_spans([]) == ()
