"""Spans that changed: every change is seen once, and who cannot know looks at everything."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.bots import ensure_bot
from core.storage.changes import Changes, Subject, merge_spans, note_changes, read_changes
from core.storage.tables import changed_span
from core.times import DAY_US


def feature_changes(connection: sa.Connection, bot_id: int, seen: int | None) -> Changes:
    return read_changes(connection, bot_id, seen, Subject.FEATURE_ROW)


def note_feature_rows(connection: sa.Connection, bot_id: int, candle_opens: list[int]) -> None:
    note_changes(connection, bot_id, Subject.FEATURE_ROW, candle_opens)


def fill(connection: sa.Connection, bot_id: int, count: int) -> None:
    """So many changes at once."""
    one = {"bot_id": bot_id, "subject": Subject.FEATURE_ROW, "first_open": 5, "last_open": 5}
    connection.execute(sa.insert(changed_span), [one] * count)


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
    fill(connection, bot, 15_000)
    note_feature_rows(connection, bot, [7])
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


def test_ten_thousand_changes_are_kept_and_not_one_more(connection: sa.Connection) -> None:
    bot, other = ensure_bot(connection, "a", "5m"), ensure_bot(connection, "b", "5m")
    note_feature_rows(connection, bot, [1])
    seen = feature_changes(connection, bot, None).newest
    fill(connection, other, 9_999)
    note_feature_rows(connection, other, [4])
    assert feature_changes(connection, bot, seen).spans == ()
    note_feature_rows(connection, other, [5])
    assert feature_changes(connection, bot, seen).spans is None
    assert connection.scalar(sa.select(sa.func.count()).select_from(changed_span)) == 10_000


def test_a_reader_sees_the_subjects_that_it_asks_for(connection: sa.Connection) -> None:
    bot = ensure_bot(connection, "a", "5m")
    seen = read_changes(connection, bot, None, Subject.CANDLE).newest
    for opened, subject in ((10, Subject.CANDLE), (20, Subject.SIGNAL), (30, Subject.FEATURE_ROW)):
        note_changes(connection, bot, subject, [opened])
    assert read_changes(connection, bot, seen, Subject.SIGNAL).spans == ((20, 20),)
    both = read_changes(connection, bot, seen, Subject.CANDLE, Subject.FEATURE_ROW)
    assert both.spans == ((10, 10), (30, 30))


def test_candles_more_than_a_day_apart_are_spans_of_their_own(connection: sa.Connection) -> None:
    bot = ensure_bot(connection, "a", "5m")
    seen = feature_changes(connection, bot, None).newest
    note_feature_rows(connection, bot, [3 * DAY_US + 1, 0, DAY_US])
    assert feature_changes(connection, bot, seen).spans == ((0, DAY_US), (3 * DAY_US + 1,) * 2)
