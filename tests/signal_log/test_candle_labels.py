from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.signal_log.candle_labels import label_open_us, moments_us
from core.times import Timeframe, from_us, to_us

FIVE = Timeframe.parse("5m")
SEOUL = "Asia/Seoul"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def candle_open_of(
    label: str, zone: str, logged_at: datetime | None, timeframe: Timeframe
) -> datetime:
    logged_us = None if logged_at is None else to_us(logged_at)
    return from_us(label_open_us(label, zone, logged_us, timeframe))


def parse_moments(texts: list[str], zone: str) -> list[datetime | None]:
    return [None if us is None else from_us(us) for us in moments_us(texts, zone)]


def test_a_label_without_date_is_the_latest_closed_such_time() -> None:
    logged = utc("2025-10-24 09:40:10.229")
    assert candle_open_of("18:35:00", SEOUL, logged, FIVE) == utc("2025-10-24 09:35:00")
    assert candle_open_of("18:35", SEOUL, logged, FIVE) == utc("2025-10-24 09:35:00")


def test_a_candle_that_had_not_closed_is_yesterdays() -> None:
    logged = utc("2025-10-24 09:39:59.999")
    assert candle_open_of("18:35:00", SEOUL, logged, FIVE) == utc("2025-10-23 09:35:00")
    closing = utc("2025-10-24 09:40:00")
    assert candle_open_of("18:35:00", SEOUL, closing, FIVE) == utc("2025-10-24 09:35:00")


def test_midnight_belongs_to_the_day_before() -> None:
    logged = utc("2025-10-24 00:00:09")
    assert candle_open_of("23:55:00", "UTC", logged, FIVE) == utc("2025-10-23 23:55:00")


def test_the_hour_that_a_clock_change_repeats_is_the_later_one_that_closed() -> None:
    zone = "America/New_York"  # on 2025-11-02 the hour from 01:00 came twice
    first, second = utc("2025-11-02 05:30:00"), utc("2025-11-02 06:30:00")
    assert candle_open_of("01:30", zone, first + timedelta(minutes=6), FIVE) == first
    assert candle_open_of("01:30", zone, second + timedelta(minutes=6), FIVE) == second


def test_an_hour_that_a_clock_change_skips_is_the_day_befores() -> None:
    logged = utc("2025-03-09 12:00:00")
    assert candle_open_of("02:30", "America/New_York", logged, FIVE) == utc("2025-03-08 07:30:00")


@given(
    opened=st.integers(0, 4_000_000).map(lambda bar: utc("2024-01-01") + bar * FIVE.length),
    delay_s=st.floats(0, 80_000),
    zone=st.sampled_from(["UTC", SEOUL, "Asia/Kolkata"]),
)
def test_a_rendered_label_names_its_candle_within_a_day(
    opened: datetime, delay_s: float, zone: str
) -> None:
    from zoneinfo import ZoneInfo

    label = opened.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S")
    logged = opened + FIVE.length + timedelta(seconds=delay_s)
    assert candle_open_of(label, zone, logged, FIVE) == opened


def test_labels_with_a_date_need_no_time_of_logging() -> None:
    assert candle_open_of("2025-10-24 18:35:00", SEOUL, None, FIVE) == utc("2025-10-24 09:35")
    assert candle_open_of("2025-10-24T18:35:00+09:00", "UTC", None, FIVE) == utc("2025-10-24 09:35")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("18:35:00", "no time of logging"),
        ("25:00:00", "is no time"),
        ("2025-10-24 18:36:00", "is no candle open of 5m"),
    ],
)
def test_labels_that_name_no_candle_say_why(label: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        candle_open_of(label, "UTC", None, FIVE)


def test_times_of_logging_in_every_form() -> None:
    expected = utc("2025-10-24 09:40:10.229")
    texts = [
        "2025-10-24 18:40:10,229",
        "2025-10-24T18:40:10.229",
        "2025-10-24T09:40:10.229Z",
        "2025/10/24 18:40:10.229",
    ]
    assert parse_moments(texts, SEOUL) == [expected] * 4
    assert parse_moments(["1761298810229"], SEOUL) == [expected]
    assert parse_moments(["soon"], SEOUL) == [None]


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "9999-12-31T23:59:59-14:00", "1999-12-31"])
def test_a_time_that_no_bot_can_have_logged_is_none(text: str) -> None:
    assert parse_moments([text, "2025-10-24 18:35:00"], SEOUL) == [None, utc("2025-10-24 09:35")]
    with pytest.raises(ValueError, match="is no time"):
        candle_open_of(text, SEOUL, None, FIVE)


@given(
    st.sampled_from(["UTC", SEOUL, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.integers(0, 24 * 12 - 1),
    st.integers(1_704_067_200, 1_767_225_600).map(lambda s: datetime.fromtimestamp(s, UTC)),
)
def test_the_quick_way_to_a_label_is_the_way_through_every_clock(
    zone: str, bar: int, logged_at: datetime
) -> None:
    """Against each minute of the four days before, read off the zone's clock one by one."""
    label = f"{bar // 12:02}:{bar % 12 * 5:02}"
    until = logged_at - FIVE.length
    minute = until.replace(second=0, microsecond=0)
    while f"{minute.astimezone(ZoneInfo(zone)):%H:%M}" != label:
        minute -= timedelta(minutes=1)
    assert candle_open_of(label, zone, logged_at, FIVE) == minute
