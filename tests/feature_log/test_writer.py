import ast
import csv
import math
import struct
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.feature_log import writer as writer_module
from core.feature_log.writer import FeatureLogWriter, cell, epoch_ms

OPEN = datetime(2025, 11, 3, 13, 45, tzinfo=UTC)
NOW = datetime(2025, 11, 3, 13, 50, 7, 250_000, tzinfo=UTC)
ROW = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 7.0, "rsi": 55.5}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_carries_its_candle_in_epoch_ms_and_utc_text(tmp_path: Path) -> None:
    log = FeatureLogWriter(tmp_path)
    kst = timezone(timedelta(hours=9))
    assert log.write(OPEN.astimezone(kst), ROW, long=0.7, price=100.5, candles_seen=600, now=NOW)
    (row,) = rows(tmp_path / "features_20251103.csv")
    assert row["time"] == "1762177500000"
    assert row["timestamp"] == "2025-11-03 13:45:00"
    assert row["logged_at"] == "2025-11-03T13:50:07.250000+00:00"
    assert (row["rsi"], row["long"], row["price"], row["candles_seen"]) == (
        "55.5",
        "0.7",
        "100.5",
        "600",
    )
    assert "short" not in row and "bundle_hash" not in row


@given(value=st.floats(allow_nan=False))
def test_a_float_reads_back_bit_for_bit(value: float) -> None:
    for written in (value, np.float64(value)):
        assert struct.pack("<d", float(cell(written))) == struct.pack("<d", value)


def test_other_values_have_one_meaning_each() -> None:
    assert math.isnan(float(cell(float("nan"))))
    assert [cell(value) for value in (None, True, np.int64(3), -0.0, pd.NaT)] == [
        "",
        "True",
        "3",
        "-0.0",
        "",
    ]
    assert float(cell(np.float32(0.1))) == float(np.float32(0.1))


def test_a_pandas_row_is_taken_as_it_is(tmp_path: Path) -> None:
    log = FeatureLogWriter(tmp_path)
    assert log.write(pd.Timestamp(OPEN), pd.DataFrame([ROW]).iloc[0], now=NOW), log.last_error
    assert rows(tmp_path / "features_20251103.csv")[0]["close"] == "100.5"


def test_a_new_set_of_columns_gets_its_own_file_and_is_found_after_a_restart(
    tmp_path: Path,
) -> None:
    for features in (ROW, ROW | {"atr": 1.0}, ROW, ROW | {"atr": 2.0}):
        assert FeatureLogWriter(tmp_path).write(OPEN, features, now=NOW)
    assert [len(rows(path)) for path in sorted(tmp_path.iterdir())] == [2, 2]
    assert "atr" in rows(tmp_path / "features_20251103_2.csv")[0]


def test_the_same_columns_in_another_order_stay_under_their_header(tmp_path: Path) -> None:
    log = FeatureLogWriter(tmp_path)
    log.write(OPEN, {"a": 1.0, "b": 2.0}, now=NOW)
    log.write(OPEN, {"b": 2.0, "a": 1.0}, now=NOW)
    assert [(row["a"], row["b"]) for row in rows(tmp_path / "features_20251103.csv")] == [
        ("1.0", "2.0"),
        ("1.0", "2.0"),
    ]


def test_a_line_that_a_crash_left_half_written_does_not_swallow_the_next_row(
    tmp_path: Path,
) -> None:
    FeatureLogWriter(tmp_path).write(OPEN, ROW, now=NOW)
    path = tmp_path / "features_20251103.csv"
    with path.open("a") as file:
        file.write("17621775")
    FeatureLogWriter(tmp_path).write(OPEN, ROW, now=NOW)
    lines = path.read_text().splitlines()
    assert lines[2] == "17621775"
    assert lines[3] == lines[1]


def test_it_never_raises_into_the_bot(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "blocked").write_text("a file where the folder should be")
    log = FeatureLogWriter(tmp_path / "blocked")
    assert log.write(OPEN, ROW) is False
    assert log.write("not a time", ROW) is False  # type: ignore[arg-type]  # as bots do
    assert log.write(OPEN, None) is False  # type: ignore[arg-type]  # as bots do
    assert log.errors == 3
    assert log.last_error is not None and "AttributeError" in log.last_error
    assert "candle not logged" in caplog.text


def test_rows_logged_after_midnight_go_into_the_new_utc_day(tmp_path: Path) -> None:
    log = FeatureLogWriter(tmp_path)
    log.write(OPEN, ROW, now=NOW)
    log.write(OPEN, ROW, now=NOW + timedelta(days=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "features_20251103.csv",
        "features_20251104.csv",
    ]


def test_epoch_seconds_milliseconds_and_naive_utc_times_mean_the_same() -> None:
    expected = 1762177500000
    for moment in (expected, expected / 1000, OPEN, OPEN.replace(tzinfo=None)):
        assert epoch_ms(moment) == expected


def test_the_file_can_be_copied_alone_because_it_needs_the_standard_library_only() -> None:
    tree = ast.parse(Path(writer_module.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
