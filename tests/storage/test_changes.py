"""Spans that changed: every change is seen once, and who cannot know looks at everything."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.bots import ensure_bot
from core.candles.writes import ensure_source
from core.storage.changes import candle_changes, feature_changes, merge_spans, note_feature_rows
from core.storage.tables import candle_revision, feature_change
from core.times import from_us


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


def test_spans_that_share_a_candle_are_one_and_neighbours_are_not() -> None:
    assert merge_spans([(0, 10), (10, 20)]) == ((0, 20),)
    assert merge_spans([(0, 10), (11, 20)]) == ((0, 10), (11, 20))
    assert merge_spans([(0, 30), (5, 10)]) == ((0, 30),)


def held(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {at for first, last in spans for at in range(first, last + 1)}


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda one: (one[0], sum(one))))
)
def test_merged_spans_hold_the_same_candles_in_order_and_apart(
    spans: list[tuple[int, int]],
) -> None:
    merged = merge_spans(spans)
    assert held(merged) == held(spans)
    assert all(one[1] < other[0] for one, other in pairwise(merged))


def test_a_change_goes_back_with_the_rows_that_it_speaks_of(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        bot = ensure_bot(connection, "a", "5m")
        note_feature_rows(connection, bot, [10])
        seen = feature_changes(connection, bot, None).newest
    with pytest.raises(RuntimeError), engine.begin() as connection:
        note_feature_rows(connection, bot, [20])
        raise RuntimeError
    with engine.begin() as connection:
        assert feature_changes(connection, bot, seen).spans == ()
        note_feature_rows(connection, bot, [30])
        assert feature_changes(connection, bot, seen).spans == ((30, 30),)


def test_a_thousand_changes_are_kept_and_not_one_more(connection: sa.Connection) -> None:
    bot, other = ensure_bot(connection, "a", "5m"), ensure_bot(connection, "b", "5m")
    note_feature_rows(connection, bot, [1])
    seen = feature_changes(connection, bot, None).newest
    for opened in range(1000):
        note_feature_rows(connection, other, [opened])
    assert feature_changes(connection, bot, seen).spans == ()
    note_feature_rows(connection, other, [5])
    assert feature_changes(connection, bot, seen).spans is None
    assert connection.scalar(sa.select(sa.func.count()).select_from(feature_change)) == 1000


def revise(connection: sa.Connection, source_id: int, opened: int) -> None:
    values = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    connection.execute(
        sa.insert(candle_revision).values(
            source_id=source_id,
            candle_open=from_us(opened),
            origin="a.csv",
            is_unfinished=False,
            sha256=str(opened),
            seen_at=datetime(2025, 11, 3, tzinfo=UTC),
            **values,
        )
    )


def test_a_revised_candle_of_any_source_of_the_bot_is_seen_once(
    connection: sa.Connection,
) -> None:
    mine, other = ensure_bot(connection, "a", "5m"), ensure_bot(connection, "b", "5m")
    assert candle_changes(connection, mine, None).spans == ()
    sources = [ensure_source(connection, bot, name) for bot, name in ((mine, "x"), (mine, "y"))]
    strange = ensure_source(connection, other, "x")
    for source_id, opened in ((sources[0], 300), (sources[1], 100), (strange, 200)):
        revise(connection, source_id, opened)
    changes = candle_changes(connection, mine, None)
    assert changes.spans == ((100, 100), (300, 300))
    assert candle_changes(connection, mine, changes.newest).spans == ()
    assert candle_changes(connection, mine, changes.newest).newest == changes.newest
    revise(connection, sources[0], 400)
    assert candle_changes(connection, mine, changes.newest).spans == ((400, 400),)
