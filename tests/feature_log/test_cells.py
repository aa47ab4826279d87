"""What one field is: a number, a text, a time."""

import math
from zoneinfo import ZoneInfo

import pytest

from core.feature_log.cells import (
    MAX_QUOTED_LINES,
    LineError,
    Record,
    Widths,
    is_blank,
    join_quoted,
    parse_row,
    parse_time,
    quote_open_at_end,
    split_cells,
)
from core.tailing.stream import MAX_LINE

UTC = ZoneInfo("UTC")
NOON_US = 1_762_171_200_000_000  # 2025-11-03 12:00 UTC


THREE = Widths(frozenset([3]))


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


@pytest.mark.parametrize(
    ("raw", "cells"),
    [
        (b"1,2,", ["1", "2", ""]),
        (b"\xef\xbb\xbfa,b\r", ["a", "b"]),
        (b'1,"a,b",2', ["1", "a,b", "2"]),
        (b'1,"say ""hi""",2', ["1", 'say "hi"', "2"]),
        (b'1,5" pipe,2', ["1", '5" pipe', "2"]),
        (b'1,"two\nlines",2', ["1", "two\nlines", "2"]),
        (b'\xef\xbb\xbf"a",b', ["a", "b"]),
    ],
)
def test_fields_of_a_record(raw: bytes, cells: list[str]) -> None:
    assert split_cells(raw) == cells


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"1,\0,2", "nul_byte"),
        (b"1,\xff,2", "encoding"),
        (b'1,"a,2', "unclosed_quote"),
        (b'1,"a",b\rc', "malformed"),
    ],
)
def test_what_has_no_fields_says_why(raw: bytes, reason: str) -> None:
    with pytest.raises(LineError) as caught:
        split_cells(raw)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("raw", "is_open"),
    [(b'"a', True), (b'"a"', False), (b'a"', False), (b'1,"a""', True), (b'1,"a"""', False)],
)
def test_only_a_quote_at_the_start_of_a_field_opens_it(raw: bytes, is_open: bool) -> None:
    assert quote_open_at_end(raw) is is_open
    assert quote_open_at_end(b"\xef\xbb\xbf" + raw) is is_open


def test_a_quoted_field_over_several_lines_is_one_record() -> None:
    lines = [b'1,"a', b"b", b'c",2', b"3,x,4"]
    assert join_quoted(lines, 10, 5, THREE, is_last=False) == [
        Record(5, 10, b'1,"a\nb\nc",2', 3),
        Record(8, 22, b"3,x,4"),
    ]


def test_a_quote_before_a_line_that_stands_alone_is_a_stray_one() -> None:
    lines = [b'1,"a,2', b"3,4,5", b'6,"b"', b"7,8,9"]
    records = join_quoted(lines, 0, 1, THREE, is_last=False)
    assert [record.raw for record in records] == lines
    # A line that cannot be read alone is no such line: the field goes on behind it.
    (record,) = join_quoted([b'1,"a', b"x,\xff,z", b'b",2'], 0, 1, THREE, is_last=False)
    assert record.lines == 3


def test_an_open_field_waits_for_its_rest_while_there_may_be_one() -> None:
    lines = [b"1,2,3", b'4,"a', b"b"]
    waiting = join_quoted(lines, 0, 1, Widths(), is_last=False)
    assert [record.raw for record in waiting] == lines[:1]
    last = join_quoted(lines, 0, 1, Widths(), is_last=True)
    assert [record.raw for record in last] == lines


def test_a_field_that_never_closes_costs_its_own_line_alone() -> None:
    many = [b'"'] + [b"x"] * MAX_QUOTED_LINES + [b'"']
    assert join_quoted(many, 0, 1, Widths(), is_last=False)[0] == Record(1, 0, b'"')
    large = [b'"' + b"x" * MAX_LINE, b'y"']
    assert [record.lines for record in join_quoted(large, 0, 1, Widths(), is_last=False)] == [1, 1]


@pytest.mark.parametrize(
    ("raw", "blank"), [(b"", True), (b"\xef\xbb\xbf \t\r", True), (b",", False)]
)
def test_a_line_without_a_sign_is_blank(raw: bytes, blank: bool) -> None:
    assert is_blank(raw) is blank


def test_a_line_stands_alone_by_the_record_above_the_quote_or_by_its_neighbour() -> None:
    """Seen: in a drifted stretch one stray quote hid 278 of 288 lines."""
    stray = b'1,"2,3,4,5,6'
    rows = [b"1,2,3,4,5,6", b"2,2,3,4,5,6", b"3,2,3,4,5,6"]
    header = frozenset([8])
    above = join_quoted([rows[0], stray, *rows], 0, 1, Widths(header), is_last=False)
    assert [record.lines for record in above] == [1] * 5
    below = join_quoted([stray, *rows], 0, 1, Widths(header), is_last=False)
    assert [record.lines for record in below] == [1] * 4
    # Two lines of a text that happen to have a comma or two are no rows.
    text = [b'1,"a, b, c', b"d, e, f", b'g",3,4,5,6,7,8']
    (record,) = join_quoted(text, 0, 1, Widths(header), is_last=False)
    assert record.lines == 3
