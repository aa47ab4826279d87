import csv
import io
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.export_formats import (
    ExportError,
    Kind,
    Table,
    harmless,
    write_csv,
    write_json,
    write_parquet,
    write_table,
)

WHEN = datetime(2025, 11, 3, 4, 45, tzinfo=UTC)
COLUMNS = {
    "at": Kind.TIME,
    "value": Kind.NUMBER,
    "count": Kind.COUNT,
    "flip": Kind.FLAG,
    "note": Kind.TEXT,
}


def of(rows: Sequence[tuple[object, ...]]) -> Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    return Table(COLUMNS, [dict(zip(COLUMNS, columns, strict=True))])


def as_csv(rows: list[tuple[object, ...]]) -> list[list[str]]:
    file = io.BytesIO()
    write_csv(of(rows), file)
    return list(csv.reader(io.StringIO(file.getvalue().decode())))


def as_json(rows: Sequence[tuple[object, ...]]) -> list[dict[str, object]]:
    file = io.BytesIO()
    write_json(of(rows), file)
    read: list[dict[str, object]] = json.loads(
        file.getvalue(), parse_constant=lambda name: pytest.fail(name)
    )
    return read


def test_times_are_iso_with_z_and_unknown_is_empty() -> None:
    header, row, unknown = as_csv([(WHEN, 0.1, 3, True, "x"), (None,) * 5])
    assert header == list(COLUMNS)
    assert row == ["2025-11-03T04:45:00Z", "0.1", "3", "true", "x"]
    assert unknown == [""] * 5


@given(st.floats(allow_infinity=False, allow_nan=False))
def test_numbers_read_back_equal_to_the_bit(value: float) -> None:
    row = (WHEN, value, 0, False, "")
    text = as_csv([row])[1][1]
    assert math.copysign(1, float(text)) == math.copysign(1, value)
    assert float(text) == value
    assert as_json([row])[0]["value"] == value


def test_json_never_holds_nan_or_infinity() -> None:
    rows = [(WHEN, value, 1, None, "x") for value in (math.nan, math.inf, -math.inf)]
    assert [row["value"] for row in as_json(rows)] == [None, None, None]


def test_no_rows_are_a_header_and_an_empty_array() -> None:
    assert as_csv([]) == [list(COLUMNS)]
    assert as_json([]) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("-1.5", "-1.5"),
        ("LONG", "LONG"),
        ("", ""),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert as_csv([(WHEN, -1.5, -2, False, text)])[1][1:] == ["-1.5", "-2", "false", shown]


def test_json_keeps_the_text_as_it_is() -> None:
    assert as_json([(WHEN, 0.0, 0, False, "=1+1 <script>")])[0]["note"] == "=1+1 <script>"


def test_parquet_keeps_kinds_nan_and_unknown(tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    rows = [(WHEN, math.nan, 3, True, "x"), (None, None, None, None, None)]
    with file.open("wb") as out:
        write_parquet(of(rows), out)
    first, second = pq.read_table(file).to_pylist()
    assert first["at"] == WHEN
    assert math.isnan(first["value"])
    assert (first["count"], first["flip"], first["note"]) == (3, True, "x")
    assert set(second.values()) == {None}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "x.csv"
    with pytest.raises(ExportError, match=r"nowhere/x\.csv: cannot be written: No such file"):
        write_table(of([]), "csv", out)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
def test_a_full_disk_is_one_sentence() -> None:
    table = Table({"a": Kind.TEXT}, [{"a": ["x" * 100_000]}])
    with pytest.raises(ExportError, match="/dev/full: cannot be written: No space left"):
        write_table(table, "csv", Path("/dev/full"))
