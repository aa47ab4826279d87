"""What one field is: a number, a text, a time."""

import math
from zoneinfo import ZoneInfo

import pytest

from core.feature_log.cells import LineError, parse_row, parse_time

UTC = ZoneInfo("UTC")
NOON_US = 1_762_171_200_000_000  # 2025-11-03 12:00 UTC


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 9007199254740992.0),
        ("-9007199254740993", -9007199254740992.0),
        ("1" * 400, math.inf),
        ("-" + "1" * 400, -math.inf),
        ("9" * 5000, math.inf),
        ("0" * 5000 + "9007199254740993", 9007199254740992.0),
    ],
)
def test_an_integer_that_a_float_cannot_hold_keeps_its_text(text: str, value: float) -> None:
    assert parse_row([text, "1"]) == ([value, 1.0], {0: text})


@pytest.mark.parametrize("text", ["9007199254740992", "1e400", "0.5", "inf", "-1e300"])
def test_what_a_float_holds_or_rounds_as_any_reader_does_is_a_number_alone(text: str) -> None:
    assert parse_row([text]) == ([float(text)], {})


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("1762171200", "UTC"),
        ("1762171200000", "UTC"),
        ("1762171200000000", "UTC"),
        ("2025-11-03T12:00:00Z", "Asia/Seoul"),
        ("2025-11-03 21:00:00", "Asia/Seoul"),
        ("2025/11/03 12:00:00", "UTC"),
        ("1762171200000000000", "UTC"),
        (" 2025-11-03T07:00:00-05:00 ", "UTC"),
    ],
)
def test_a_moment_in_every_usual_form(text: str, zone: str) -> None:
    assert parse_time(text, ZoneInfo(zone)) == NOON_US


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("5", "no epoch time between 2000 and 2100"),
        ("1e30", "no epoch time between 2000 and 2100"),
        ("1999-12-31T23:59:59Z", "does not lie between 2000 and 2100"),
        ("2100-01-01", "does not lie between 2000 and 2100"),
        ("2025-13-01", "neither an epoch time nor ISO text"),
        ("17621712_00", "neither an epoch time nor ISO text"),
        ("soon", "neither an epoch time nor ISO text"),
    ],
)
def test_what_is_no_moment_says_why(text: str, detail: str) -> None:
    with pytest.raises(LineError, match=detail) as caught:
        parse_time(text, UTC)
    assert caught.value.reason == "bad_time"
