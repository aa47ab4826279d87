from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import format as shown
from dashboard.data import database

AT = datetime(2025, 11, 6, 23, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.0, "100.0 %"), (0.9996, "99.9 %"), (0.99999999, "99.9 %"), (0.0, "0.0 %"), (None, "–")],
)
def test_a_ratio_is_cut_so_that_incomplete_never_reads_as_complete(
    ratio: float | None, text: str
) -> None:
    assert shown.percent(ratio) == text


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_no_ratio_below_one_reads_as_hundred(ratio: float) -> None:
    if ratio < 1 - 1e-11:
        assert shown.percent(ratio, 2) != "100.00 %"


def test_times_inside_sentences_are_in_the_zone_of_the_reader() -> None:
    text = "The rows from 2025-11-06T20:55:00Z to 2025-11-06T23:50:00Z differ."
    said = "The rows from 2025-11-07 05:55 KST to 2025-11-07 08:50 KST differ."
    assert shown.with_times(text, "Asia/Seoul") == said


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (1e-6, "1e-6"), (2.5e-12, "2.5e-12")])
def test_a_configured_number_reads_as_it_was_written(value: float, text: str) -> None:
    assert shown.short(value) == text


def test_files_are_named_as_the_configuration_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGN_CONFIG", str(tmp_path / "align.toml"))
    assert database.shown_path(str(tmp_path / "logs" / "a.csv")) == "logs/a.csv"
    assert database.shown_path("/elsewhere/a.csv") == "/elsewhere/a.csv"


def test_a_trace_of_trouble_is_not_nothing() -> None:
    assert shown.share(0.00001) == "< 0.01 %"
    assert shown.share(0.0) == "0.00 %"


def test_times_carry_their_zone() -> None:
    assert shown.moment(AT, "UTC") == "2025-11-06 23:50 UTC"
    assert shown.moment(AT, "Asia/Seoul") == "2025-11-07 08:50 KST"
    assert shown.moment(AT, "America/Sao_Paulo") == "2025-11-06 20:50 UTC-03"
    assert shown.clock(AT, "UTC") == "23:50 UTC"
    assert shown.moment(None, "UTC") == "–"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0.4, "400 ms"),
        (4.5068, "4.5 s"),
        (59, "59 s"),
        (150, "2 min"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (timedelta(days=3, hours=2), "3 d 2 h"),
        (timedelta(days=30, hours=2), "30 d"),
        (None, "–"),
    ],
)
def test_durations_read_in_their_two_largest_units(
    length: float | timedelta | None, text: str
) -> None:
    assert shown.duration(length) == text


def test_numbers_keep_what_matters() -> None:
    assert shown.probability(0.12345) == "0.1235"
    assert shown.probability(6e-8) == "6e−08"
    assert shown.signed(-0.3) == "−0.3000"
    assert shown.signed(0.0) == "0.0000"
    assert shown.number(1234567.0) == "1,234,567"
    assert shown.number(0.000012345) == "1.234e−05"
    assert shown.number(float("inf")) == "∞"
    assert shown.number(float("nan")) == "–"
    assert shown.count(1077) == "1,077"
    assert shown.price(48930.8) == "48,930.80"
    assert shown.size(2_500_000) == "2.5 MB"
    assert shown.plural(1, "candle") == "1 candle"
    assert shown.plural(1200, "candle") == "1,200 candles"


def test_age_is_never_negative() -> None:
    assert shown.ago(AT, AT - timedelta(minutes=5)) == "0 ms ago"
    assert shown.ago(AT, AT + timedelta(minutes=2)) == "2 min ago"
    assert shown.ago(None, AT) == "never"
