"""A stored row's own line: read again from its file, while it is still there."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.errors import LogFormatError
from core.feature_log.cells import LineError, parse_row
from core.feature_log.layout import Layout
from core.feature_log.records import split_cells
from core.feature_log.rows import identity, texts_document
from core.tailing.stream import open_stream, skip_to


def line_at(path: Path, offset: int, length: int) -> bytes | None:
    """The bytes that stand there now; None where the file is gone or too short."""
    try:
        stream = open_stream(path)
        try:
            found = b""
            if skip_to(stream, offset):
                while len(found) < length and (part := stream.read(length - len(found))):
                    found += part
        finally:
            stream.close()
    except (OSError, LogFormatError):
        return None
    return found if len(found) == length else None


def says(raw: bytes, layout: Layout, row_hash: bytes) -> bool:
    """Whether a line still holds the values of a row."""
    try:
        values, texts = parse_row(split_cells(raw))
    except LineError:
        return False
    vector = np.asarray(values, dtype="<f8").tobytes()
    return identity(layout, vector, texts_document(texts)) == row_hash


def line_of_values(values: Sequence[float], texts: Mapping[int, str]) -> bytes:
    """A line that reads back as these values, for a row whose own line is gone."""
    cells = [texts.get(at, repr(value)) for at, value in enumerate(values)]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue().encode()
