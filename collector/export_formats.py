"""Tables to CSV, JSON or Parquet, chunk by chunk, without losing a bit of a number."""

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import AlignError
from core.times import iso_z


class Kind(StrEnum):
    """What a column holds; None is "not known" in every kind."""

    TIME = "time"
    NUMBER = "number"
    COUNT = "count"
    FLAG = "flag"
    TEXT = "text"


_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Chunk = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns in order with their kind, and the rows in chunks of columns."""

    columns: Mapping[str, Kind]
    chunks: Iterable[Chunk]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        for chunk in self.chunks:
            yield from zip(*(chunk[name] for name in self.columns), strict=True)


class ExportError(AlignError):
    """The file that was asked for cannot be written."""


def write_table(table: Table, format_: str, out: Path | None) -> None:
    """Write to the file, or to standard output without one. Raises ExportError."""
    with _opened(out) as file:
        _WRITERS[format_](table, file)


def write_csv(table: Table, file: BinaryIO) -> None:
    """CSV: numbers as the shortest text that reads back equal, times ISO with Z.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    kinds = list(table.columns.values())
    writer.writerow([harmless(name) for name in table.columns])
    for row in table.rows():
        writer.writerow([_cell(value, kind) for value, kind in zip(row, kinds, strict=True)])
    text.detach()


def write_json(table: Table, file: BinaryIO) -> None:
    """One JSON array of objects; NaN and infinities, which JSON lacks, become null."""
    kinds = list(table.columns.items())
    start = b"["
    for row in table.rows():
        record = {name: _plain(value, kind) for value, (name, kind) in zip(row, kinds, strict=True)}
        line = json.dumps(record, ensure_ascii=False, allow_nan=False)
        file.write(start + b"\n" + line.encode())
        start = b","
    file.write(b"[]\n" if start == b"[" else b"\n]\n")


def write_parquet(table: Table, file: BinaryIO) -> None:
    """Parquet with UTC times in microseconds; NaN stays NaN, "not known" is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        Kind.TIME: pa.timestamp("us", tz="UTC"),
        Kind.NUMBER: pa.float64(),
        Kind.COUNT: pa.int64(),
        Kind.FLAG: pa.bool_(),
        Kind.TEXT: pa.string(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in table.columns.items()])
    with pq.ParquetWriter(file, schema) as writer:
        for chunk in table.chunks:
            columns = [pa.array(chunk[field.name], type=field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def harmless(text: str) -> str:
    """The text as a spreadsheet shows it, never runs it; a plain number stays as it is."""
    return f"'{text}" if text.startswith(_STARTS_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_WRITERS: Mapping[str, Callable[[Table, BinaryIO], None]] = {
    "csv": write_csv,
    "json": write_json,
    "parquet": write_parquet,
}


def _cell(value: Any, kind: Kind) -> str:
    if value is None:
        return ""
    if kind is Kind.TEXT:
        return harmless(str(value))
    if kind is Kind.TIME:
        return iso_z(value)
    if kind is Kind.FLAG:
        return "true" if value else "false"
    return repr(value)


def _plain(value: Any, kind: Kind) -> Any:
    if isinstance(value, datetime):
        return iso_z(value)
    if kind is Kind.NUMBER and value is not None and not math.isfinite(value):
        return None
    return value


@contextmanager
def _opened(out: Path | None) -> Iterator[BinaryIO]:
    try:
        if out is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with out.open("wb") as file:
            yield file
    except BrokenPipeError:  # the reader of standard output has seen enough
        raise
    except OSError as error:
        place = out or "standard output"
        raise ExportError(f"{place}: cannot be written: {error.strerror or error}") from error
