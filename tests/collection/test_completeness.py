from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.collection.completeness import Collection as Figures
from core.collection.completeness import (
    collection,
    daily_counts,
    gap_patterns,
    gaps,
    logging_delays,
    silent_bars,
)
from core.times import Timeframe

FIVE = Timeframe.parse("5m")
START = datetime(2025, 11, 3, 23, 45, tzinfo=UTC)


def opens(first: datetime, bars: int, missing: Collection[int] = frozenset()) -> pd.DatetimeIndex:
    every = FIVE.opens(first, first + FIVE.length * (bars - 1))
    return every[[position not in missing for position in range(bars)]]


def figures(logged: pd.DatetimeIndex, now: datetime, **window: datetime) -> Figures:
    return collection(logged, FIVE, now=now, target_days=7, **window)


def test_nothing_logged_is_not_known_rather_than_zero() -> None:
    found = figures(opens(START, 1)[:0], START)
    assert (found.logged, found.target_rows) == (0, 2016)
    assert found.first_candle is None
    assert found.expected is None
    assert found.success_ratio is None
    assert found.silent_bars is None
    assert found.day_number is None
    assert found.estimated_completion is None
    assert daily_counts(opens(START, 1)[:0], FIVE).empty
    assert gaps(opens(START, 1)[:0], FIVE).empty


def test_one_candle_is_complete() -> None:
    found = figures(opens(START, 1), START + timedelta(minutes=6))
    assert (found.expected, found.logged, found.success_ratio) == (1, 1, 1.0)
    assert found.silent_bars == 0
    assert found.day_number == 1


def test_the_success_ratio_is_logged_of_expected_candles() -> None:
    found = figures(opens(START, 8, missing={1, 5}), START + timedelta(minutes=41))
    assert (found.expected, found.logged, found.success_ratio) == (8, 6, 0.75)


def test_days_are_utc_days_between_first_and_last_candle() -> None:
    days = daily_counts(opens(START, 8, missing={1, 5}), FIVE)
    assert days["day"].dt.strftime("%Y-%m-%d").tolist() == ["2025-11-03", "2025-11-04"]
    assert days["expected"].tolist() == [3, 5]
    assert days["logged"].tolist() == [2, 4]
    assert days["success_ratio"].tolist() == [2 / 3, 4 / 5]


def test_a_day_without_any_candle_has_its_row() -> None:
    logged = opens(START, 2).union(opens(START + timedelta(days=2), 1))
    days = daily_counts(logged, FIVE)
    assert days["logged"].tolist() == [2, 0, 1]
    assert days["expected"].tolist() == [3, 288, 286]


def test_gap_ends_are_the_first_and_last_missing_candle() -> None:
    found = gaps(opens(START, 10, missing={2, 5, 6, 7}), FIVE)
    assert [moment.strftime("%H:%M") for moment in found["from"]] == ["23:55", "00:10"]
    assert [moment.strftime("%H:%M") for moment in found["until"]] == ["23:55", "00:20"]
    assert found["missing"].tolist() == [1, 3]


@given(st.sets(st.integers(min_value=1, max_value=98)))
def test_logged_and_missing_add_up_to_expected(missing: set[int]) -> None:
    logged = opens(START, 100, missing=missing)
    assert len(logged) + gaps(logged, FIVE)["missing"].sum() == 100
    assert daily_counts(logged, FIVE)["expected"].sum() == 100


@pytest.mark.parametrize(
    ("after", "silent"),
    [
        (timedelta(minutes=5), 0),  # the candle itself has just closed
        (timedelta(minutes=9, seconds=59), 0),
        (timedelta(minutes=10), 1),
        (timedelta(minutes=60), 11),
        (timedelta(minutes=-30), 0),  # a clock behind the log
    ],
)
def test_silence_counts_closed_candles_only(after: timedelta, silent: int) -> None:
    assert silent_bars(START, FIVE, now=START + after) == silent


def test_silence_ends_with_the_window() -> None:
    now = START + timedelta(hours=2)
    assert silent_bars(START, FIVE, now=now, until=START + timedelta(minutes=20)) == 3


def test_completion_is_estimated_at_the_success_ratio_so_far() -> None:
    logged = opens(START, 101, missing=set(range(1, 100, 2)))  # 51 of 101
    now = logged[-1] + timedelta(minutes=6)
    found = figures(logged, now)
    bars = -(-(2016 - 51) * 101 // 51)
    assert found.estimated_completion == logged[-1] + FIVE.length * (bars + 1)


def test_completion_is_known_once_the_target_is_reached() -> None:
    logged = opens(START, 2020)
    found = figures(logged, START + timedelta(days=30))
    assert found.estimated_completion == START + FIVE.length * 2016
    assert found.day_number == 8


def test_nobody_knows_when_a_silent_bot_completes() -> None:
    logged = opens(START, 10)
    assert figures(logged, START + timedelta(hours=5)).estimated_completion is None


def test_the_pattern_of_one_candle_every_half_hour_is_named() -> None:
    first = datetime(2025, 11, 3, 4, 45, tzinfo=UTC)
    lost = {25 + 6 * step for step in range(15)} | {110, 200}  # 06:50 to 13:50, 13:55, 21:25
    (pattern,) = gap_patterns(gaps(opens(first, 231, missing=lost), FIVE))
    assert pattern.sentence() == "minutes 20 and 50 of every hour, 15 times"
    assert (pattern.first.hour, pattern.first.minute) == (6, 50)
    assert (pattern.last.hour, pattern.last.minute) == (13, 50)
    assert pattern.missing == 16


def test_a_candle_logged_in_between_does_not_hide_the_pattern() -> None:
    lost = {6 * step for step in range(1, 21)} - {60}
    (pattern,) = gap_patterns(gaps(opens(START, 300, missing=lost), FIVE))
    assert pattern.times == 19


@pytest.mark.parametrize(
    ("every", "sentence"),
    [
        (12, "minute 45 of every hour, 5 times"),
        (288, "23:45 UTC of every day, 5 times"),
        (9, "every 45 min from 00:30 UTC, 5 times"),
        (2, "every 10 min from 23:55 UTC, 5 times"),
    ],
)
def test_other_distances_have_their_words(every: int, sentence: str) -> None:
    lost = {every * step for step in range(1, 6)}
    (pattern,) = gap_patterns(gaps(opens(START, 5 * 288 + 10, missing=lost), FIVE))
    assert pattern.sentence() == sentence


def test_irregular_gaps_are_no_pattern() -> None:
    assert gap_patterns(gaps(opens(START, 100, missing={3, 11, 40, 77, 90}), FIVE)) == []


def test_delays_run_from_candle_close_to_logging() -> None:
    logged = opens(START, 4)
    at = pd.Series(logged + FIVE.length + pd.to_timedelta([2.0, 4.0, 6.0, 8.0], unit="s"))
    delays = logging_delays(logged, at.where(pd.Series([True, True, True, False])), FIVE)
    assert delays is not None
    assert delays["median_s"] == 4.0
    assert delays["max_s"] == 6.0
    assert delays["p95_s"] == pytest.approx(5.8)


def test_delays_that_were_never_logged_are_unknown() -> None:
    logged = opens(START, 2)
    never = pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us, UTC]")
    assert logging_delays(logged, never, FIVE) is None
