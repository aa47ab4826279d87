import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from core.candles.candle_files import CandlePull, read_candle_file
from core.errors import CandleError
from core.times import Timeframe
from tests.candles.factories import make_candles, write_csv

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIVE = Timeframe.parse("5m")


def read(path: Path, candle_open: str | None = None, zone: str = "UTC") -> CandlePull:
    return read_candle_file(path, timeframe=FIVE, candle_open=candle_open, zone=zone, now=NOW)


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("columns", ["tohlcv", "vclhot"])
def test_epochs_of_every_unit_and_columns_in_any_order(
    tmp_path: Path, unit: int, columns: str
) -> None:
    candles = make_candles()
    seconds = candles["candle_open"].astype("int64") // 1_000_000
    names = dict(zip(("open", "high", "low", "close", "volume"), "ohlcv", strict=True))
    frame = candles.rename(columns=names).assign(t=seconds * unit)[list(columns)]
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert_frame_equal(read(tmp_path / "a.csv").candles, candles, check_exact=True)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2025-11-03T00:00:00Z", "Asia/Seoul"),
        ("2025-11-03T09:00:00+09:00", "UTC"),
        ("2025-11-03 09:00:00", "Asia/Seoul"),
        ("2025-11-03", "UTC"),
        ("2025/11/03 00:00", "UTC"),
        ("2025-11-03 09:00:00.000", "Asia/Seoul"),
        ("2025-11-03T00:00:00 Z", "Asia/Seoul"),
        ("2025-11-02T19:00:00-05", "UTC"),
    ],
)
def test_text_times_are_read_with_their_offset_else_in_the_zone(
    tmp_path: Path, text: str, zone: str
) -> None:
    (tmp_path / "a.csv").write_text(f"time,open,high,low,close,volume\n{text},1,2,0.5,1.5,3\n")
    opens = read(tmp_path / "a.csv", zone=zone).candles["candle_open"]
    assert opens.tolist() == [pd.Timestamp("2025-11-03T00:00:00Z")]


@pytest.mark.parametrize("text", ["2025-11-03 04:45:00,000", "2025-11-03_04:45"])
def test_a_time_that_a_log_may_hold_is_read_in_a_candle_file_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(f"time;open;high;low;close;volume\n{text};1;2;0.5;1.5;3\n")
    opens = read(tmp_path / "a.csv").candles["candle_open"]
    assert opens.tolist() == [pd.Timestamp("2025-11-03T04:45:00Z")]


def test_a_word_for_the_present_is_no_candle(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,open,high,low,close,volume\ntoday,1,2,0.5,1.5,3\n")
    (problem,) = read(tmp_path / "a.csv").problems
    assert '"today" is no time' in problem


@pytest.mark.parametrize("kind", ["times", "epoch", "index"])
def test_parquet_reads_like_csv(tmp_path: Path, kind: str) -> None:
    candles = make_candles()
    frame = candles.rename(columns={"candle_open": "timestamp"})
    if kind == "epoch":
        frame = frame.assign(timestamp=frame["timestamp"].astype("int64"))
    if kind == "index":
        frame = frame.set_index("timestamp")
    frame.to_parquet(tmp_path / "a.parquet")
    assert_frame_equal(read(tmp_path / "a.parquet").candles, candles, check_exact=True)


def test_exchange_dump_without_header_is_read(tmp_path: Path) -> None:
    line = "1762128000000,100.0,101.0,99.0,100.5,10.0,1762128299999,1005.0,42"
    (tmp_path / "a.csv").write_text(line + "\n")
    assert_frame_equal(read(tmp_path / "a.csv").candles, make_candles(1), check_exact=True)


def test_time_column_is_found_among_several(tmp_path: Path) -> None:
    candles = make_candles()
    stamps = candles["candle_open"].dt.strftime("%H:%M")
    frame = candles.assign(timestamp=stamps, date=candles["candle_open"].dt.strftime("%FT%TZ"))
    frame.drop(columns="candle_open").to_csv(tmp_path / "a.csv", index=False)
    assert_frame_equal(read(tmp_path / "a.csv").candles, candles, check_exact=True)


def test_configured_time_column_wins(tmp_path: Path) -> None:
    candles = make_candles()
    moved = candles["candle_open"] + pd.Timedelta(minutes=5)
    frame = candles.assign(close_at=moved).rename(columns={"candle_open": "timestamp"})
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert read(tmp_path / "a.csv", "close_at").candles["candle_open"].tolist() == moved.tolist()


def test_values_are_exact(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    close = random.uniform(1, 2e5, 500)
    candles = make_candles(500).assign(close=close, open=close, low=close / 2, high=close * 2)
    write_csv(tmp_path / "a.csv", candles)
    assert_frame_equal(read(tmp_path / "a.csv").candles, candles, check_exact=True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2025-11-03 00:05:00,1,2,0.5,1.5", "5 cells, too few"),
        ("soon,1,2,0.5,1.5,3", '"soon" is no time'),
        ("0001-01-01T00:00:00Z,1,2,0.5,1.5,3", '"0001-01-01T00:00:00Z" is no time'),
        ("2025-11-03 00:07:00,1,2,0.5,1.5,3", "not on the grid of 5m candles"),
        ("2025-11-03 00:05:00,1,2,0.5,n/a,3", 'close "n/a" is no finite number'),
        ("2025-11-03 00:05:00,1,inf,0.5,1.5,3", 'high "inf" is no finite number'),
        ("2025-11-03 00:05:00,1,2,0.5,1.5,-3", "volume -3 is negative"),
        ("2025-11-03 00:05:00,1,1.2,0.5,1.5,3", "do not enclose"),
    ],
)
def test_bad_row_is_left_out_with_file_line_and_value(
    tmp_path: Path, row: str, reason: str
) -> None:
    path = write_csv(tmp_path / "a.csv", make_candles(1))
    with path.open("a") as file:
        file.write(row + "\n2025-11-03 00:10:00,1,2,0.5,1.5,3\n")
    pull = read(path)
    assert len(pull.candles) == 2
    assert len(pull.problems) == 1
    assert pull.problems[0].startswith(f"{path}:3: ")
    assert reason in pull.problems[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('2025-11-03 00:05:00,"1,2,0.5,1.5,3', "2 cells, too few"),
        ("2025-11-03 00:05:00,1,2,0.5,1.5\udcff,3", "is no finite number"),
        ("2025-11-03 00:05:00,1,2,0.5,1.5\0,3", "is no finite number"),
        (
            f"2025-11-03 00:05:00,{'1' * 140_000},2,0.5,1.5,3",
            f'open "{"1" * 40}" is no finite number',
        ),
    ],
)
def test_a_stray_quote_a_foreign_byte_or_a_huge_cell_costs_its_line(
    tmp_path: Path, row: str, reason: str
) -> None:
    """Seen: behind a quote every row to the end of the file vanished; a byte refused the file."""
    path = write_csv(tmp_path / "a.csv", make_candles(1))
    with path.open("a", errors="surrogateescape") as file:
        file.write(row + "\n2025-11-03 00:10:00,1,2,0.5,1.5,3\n2025-11-03 00:15:00,1,2,0.5,1.5,3\n")
    pull = read(path)
    assert len(pull.candles) == 3
    assert len(pull.problems) == 1
    assert pull.problems[0].startswith(f"{path}:3: ")
    assert reason in pull.problems[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty file"),
        ("when,open,high,low,close,volume\n", "no time column found"),
        ("time,open,high,low,volume\n", "no column for close"),
        ("time,open,high,low,close,volume,close\n", "close stands twice"),
        (
            "time,open,high,low,close,volume\n1762128060,1,1,1,1,1\n1762128120,1,1,1,1,1\n"
            "1762128180,1,1,1,1,1\n",
            "60 s",
        ),
        (b"\xff\xfe\x00time", "cannot be read"),
    ],
)
def test_file_that_cannot_be_used_says_why(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CandleError, match=reason) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_absent_configured_column_names_those_there(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", make_candles())
    with pytest.raises(CandleError, match=r'no column "ts".*timestamp, open'):
        read(path, "ts")


def test_damaged_parquet_is_an_error_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(CandleError, match="cannot be read"):
        read(tmp_path / "a.parquet")


def test_hour_that_a_clock_change_repeats_is_no_time(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "time,open,high,low,close,volume\n2025-11-02 01:30:00,1,2,0.5,1.5,3\n"
        "2025-11-02 03:30:00,1,2,0.5,1.5,3\n"
    )
    pull = read(tmp_path / "a.csv", zone="America/New_York")
    assert len(pull.candles) == 1
    assert "is no time" in pull.problems[0]


def test_last_row_written_while_its_candle_was_open_is_not_closed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", make_candles(3))
    written = pd.Timestamp("2025-11-03T00:12:00Z").timestamp()
    os.utime(path, (written, written))
    pull = read(path)
    assert (len(pull.candles), len(pull.not_closed)) == (2, 1)
    os.utime(path, (written - 3600, written - 3600))  # a copy may carry any time
    assert len(read(path).candles) == 3
