"""A row on its way into the database, and what a piece of a file came to."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from core.arrays import Flags, Floats, Ints
from core.feature_log.cells import LineError, parse_row, split_cells
from core.feature_log.drifted import Drifted
from core.feature_log.layout import Grammar, Layout, Profile, Row


class LoggedRow(NamedTuple):
    """Times in microseconds; unknown prices are None; `length` without the line end."""

    candle_open: int
    row_hash: bytes
    vector: bytes  # float64, one a column
    texts: str | None  # JSON: position -> text
    logged_at: int | None
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    line: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class PlainRows:
    """Rows as columns, as bulk parsing gives them; one entry a row in each."""

    layout: Layout
    opens: Ints
    matrix: Floats
    documents: list[str | None]
    logged: list[int | None]
    prices: tuple[int | None, ...]  # positions of open, high, low, close, volume
    lines: Ints
    offsets: Ints
    lengths: Ints
    text: Flags  # columns that hold text in one of the rows

    def __len__(self) -> int:
        return len(self.opens)

    def columns(self) -> list[Sequence[Any]]:
        """The fields of LoggedRow, a sequence each."""
        width = 8 * self.matrix.shape[1]
        blob = self.matrix.astype("<f8", copy=False).tobytes()
        vectors = [blob[start : start + width] for start in range(0, len(blob), width)]
        return [
            self.opens.tolist(),
            identities(self.layout, vectors, self.documents),
            vectors,
            self.documents,
            self.logged,
            *(self._price(at) for at in self.prices),
            self.lines.tolist(),
            self.offsets.tolist(),
            self.lengths.tolist(),
        ]

    def rows(self) -> list[LoggedRow]:
        """The same as rows."""
        return list(map(LoggedRow._make, zip(*self.columns(), strict=True)))

    def _price(self, position: int | None) -> list[float | None]:
        if position is None:
            return [None] * len(self)
        return [None if value != value else value for value in self.matrix[:, position].tolist()]


@dataclass(slots=True)
class RowBlock:
    """Rows that one header describes, in the order of the file."""

    layout: Layout
    single: list[LoggedRow] = field(default_factory=list)
    plain: PlainRows | None = None  # turned into rows where they are needed: beside the parsing

    @property
    def rows(self) -> list[LoggedRow]:
        if self.plain is not None:
            self.single, self.plain = self.plain.rows(), None
        return self.single

    def opens(self) -> list[int]:
        """Candle opens in microseconds."""
        if self.plain is not None:
            return list(map(int, self.plain.opens.tolist()))
        return [row.candle_open for row in self.single]

    def columns(self) -> list[Sequence[Any]]:
        """The fields of LoggedRow, a sequence each; there is a row at least."""
        return list(zip(*self.single, strict=True)) if self.plain is None else self.plain.columns()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that no layout can make readable; `raw` is absent beyond MAX_LINE."""

    line: int
    offset: int
    length: int
    raw: bytes | None
    sha256: str
    reason: str
    detail: str


@dataclass(slots=True)
class Batch:
    """What one piece of a file holds; `offset` and `line` say how far it went.

    `waiting`: whole lines behind them that an open quoted field holds back.
    """

    start: int
    data: bytes
    offset: int = 0
    line: int = 0
    waiting: int = 0
    headers: list[Layout] = field(default_factory=list)
    blocks: list[RowBlock] = field(default_factory=list)
    drifted: list[Drifted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    profiles: dict[Layout, Profile] = field(default_factory=dict)
    state: dict[str, object] = field(default_factory=dict)

    def raw(self, offset: int, length: int) -> bytes:
        return self.data[offset - self.start : offset - self.start + length]


def identity(layout: Layout, vector: bytes, texts: str | None) -> bytes:
    """Equal for rows that hold the same values in the same columns."""
    return identities(layout, [vector], [texts])[0]


def identities(
    layout: Layout, vectors: Sequence[bytes], documents: Sequence[str | None]
) -> list[bytes]:
    """The identity of each row."""
    sha256, seed = hashlib.sha256, layout.seed
    ends = [seed if text is None else seed + text.encode() for text in documents]
    return [sha256(vector + end).digest()[:16] for vector, end in zip(vectors, ends, strict=True)]


def texts_document(texts: Mapping[int, str]) -> str | None:
    """The stored form of the texts of a row."""
    return json.dumps({str(at): text for at, text in texts.items()}) if texts else None


def logged_row(row: Row, grammar: Grammar, line: int, offset: int, length: int) -> LoggedRow:
    """The stored form of one row."""
    vector = np.asarray(row.values, dtype="<f8").tobytes()
    texts = texts_document(row.texts)
    prices = [row.price(position) for position in grammar.roles(row.layout).prices]
    known = [None if price != price else price for price in prices]
    opened, high, low, close, volume = known
    return LoggedRow(
        row.candle_open,
        identity(row.layout, vector, texts),
        vector,
        texts,
        row.logged_at,
        opened,
        high,
        low,
        close,
        volume,
        line,
        offset,
        length,
    )


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
