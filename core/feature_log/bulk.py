"""Many rows at once: what plainly stands under its header, read by Arrow's CSV parser.

Whatever is not plain (a text among numbers, an integer beyond 2^53, an
implausible price) is left to be read alone, so both ways give the same rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from core.feature_log.cells import (
    EMPTY,
    EXACT_INTEGERS,
    NOT_A_NUMBER,
    LineError,
    parse_cell,
    parse_time,
)
from core.feature_log.layout import Grammar, Layout
from core.feature_log.rows import LoggedRow, identity

_FEW = 16  # lines; fewer are not worth another try in bulk
_NULLS = [*EMPTY, *NOT_A_NUMBER]
_escape = json.encoder.encode_basestring_ascii
_MS_FROM, _MS_END = 1e11, 1e14  # epoch numbers between are milliseconds
Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Texts = dict[int, Sequence[str | None]]  # by column; None where a field is no text


@dataclass(frozen=True, slots=True)
class BulkRows:
    """One entry a line: its row, or None where the line has to be read alone."""

    rows: list[LoggedRow | None]
    matrix: Matrix  # of the rows only
    text: Mask  # columns that hold text in one of the rows


class _Lines:
    """Lines as columns: numbers in `matrix`, other fields as words; `good` lines are plain."""

    def __init__(self, kinds: str, lines: list[bytes]) -> None:
        self.kinds = kinds
        self.word_columns = [at for at, kind in enumerate(kinds) if kind != "n"]
        self.good = np.ones(len(lines), bool)
        self.matrix = np.empty((len(lines), len(kinds)))
        self.words: dict[int, list[str]] = {at: [] for at in self.word_columns}
        self._fill(lines, 0)

    def _fill(self, lines: list[bytes], start: int) -> None:
        """Parse; where that fails, halve to find the lines that are to blame."""
        try:
            table = _parse(lines, self.kinds)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            table = None
        if table is not None and table.num_rows == len(lines):
            for at, column in enumerate(table.columns):
                if self.kinds[at] == "n":
                    self.matrix[start : start + len(lines), at] = column.to_numpy()
                else:
                    self.words[at].extend(column.to_pylist())
        elif len(lines) <= _FEW:
            self.good[start : start + len(lines)] = False
            for words in self.words.values():
                words.extend([""] * len(lines))
            self.matrix[start : start + len(lines)] = np.nan
        else:
            half = len(lines) // 2
            self._fill(lines[:half], start)
            self._fill(lines[half:], start + half)

    def take_words(self) -> Texts:
        """Texts by column (None where a field is none); numbers among them go to the matrix."""
        texts: Texts = {}
        for at, words in self.words.items():
            distinct = set(words)
            if len(distinct) * 2 > len(words):
                values = [parse_cell(word) for word in words]
            else:
                meaning = {word: parse_cell(word) for word in distinct}
                values = [meaning[word] for word in words]
            is_text = np.array([value.__class__ is str for value in values], bool)
            if is_text.all():
                column = np.full(len(words), np.nan)
            else:
                column = np.array(
                    [np.nan if value.__class__ is str else value for value in values], np.float64
                )
            self.matrix[:, at] = column
            if self.kinds[at] == "?":  # the first thing seen in a column decides what it holds
                self.good &= np.isnan(column) & ~is_text
            elif is_text.all():
                texts[at] = words
            elif is_text.any():
                texts[at] = [
                    word if told else None
                    for word, told in zip(words, is_text.tolist(), strict=True)
                ]
        return texts


def _parse(lines: list[bytes], kinds: str) -> pa.Table:
    names = [str(at) for at in range(len(kinds))]
    content = b"\n".join(lines) + b"\n"
    return arrow_csv.read_csv(
        pa.py_buffer(content),
        read_options=arrow_csv.ReadOptions(
            column_names=names, use_threads=False, block_size=len(content) + 1
        ),
        parse_options=arrow_csv.ParseOptions(quote_char=False),
        convert_options=arrow_csv.ConvertOptions(
            column_types={
                name: pa.float64() if kind == "n" else pa.string()
                for name, kind in zip(names, kinds, strict=True)
            },
            null_values=_NULLS,
            strings_can_be_null=False,
        ),
    )


def parse_lines(
    grammar: Grammar, layout: Layout, kinds: str, lines: list[bytes], line: int, offset: int
) -> BulkRows:
    """Rows of lines that all have the layout's number of fields and no quotes.

    kinds: one letter a column, n numbers, s words, ? nothing seen yet; `line`
    and `offset` are those of the first line.
    """
    parsed = _Lines(kinds, lines)
    texts = parsed.take_words()
    parsed.good &= ~(np.abs(parsed.matrix) >= EXACT_INTEGERS).any(axis=1)
    opens = _candle_opens(parsed, grammar, layout)
    _check_prices(parsed, grammar, layout)
    logged = _logged_at(parsed, grammar, layout)
    lengths = np.fromiter((len(text) for text in lines), np.int64, len(lines))
    offsets = offset + np.cumsum(lengths + 1) - lengths - 1
    good: Ints = np.flatnonzero(parsed.good)
    matrix = parsed.matrix if len(good) == len(lines) else parsed.matrix[good]
    columns = [
        opens[good].tolist(),
        *_stored(layout, matrix, _documents(texts, good)),
        [logged[at] for at in good],
        *(_known(matrix, at) for at in grammar.roles(layout).prices),
        (line + good).tolist(),
        offsets[good].tolist(),
        lengths[good].tolist(),
    ]
    rows: list[LoggedRow | None] = [None] * len(lines)
    for at, row in zip(
        good.tolist(), map(LoggedRow._make, zip(*columns, strict=True)), strict=True
    ):
        rows[at] = row
    text = np.zeros(len(kinds), bool)
    for at, column in texts.items():
        text[at] = any(column[row] is not None for row in good)
    return BulkRows(rows, matrix, text)


def _stored(
    layout: Layout, matrix: Matrix, documents: list[str | None]
) -> tuple[list[bytes], list[bytes], list[str | None]]:
    width = 8 * matrix.shape[1]
    blob = matrix.astype("<f8", copy=False).tobytes()
    vectors = [blob[start : start + width] for start in range(0, len(blob), width)]
    hashes = [
        identity(layout, vector, document)
        for vector, document in zip(vectors, documents, strict=True)
    ]
    return hashes, vectors, documents


def _documents(texts: Texts, good: Ints) -> list[str | None]:
    """The texts of each row as JSON, written as json.dumps writes them."""
    if not texts:
        return [None] * len(good)
    parts = []
    for position, column in texts.items():
        name = f'"{position}": '
        words = column if len(good) == len(column) else [column[at] for at in good.tolist()]
        parts.append([None if word is None else name + _escape(word) for word in words])
    if not any(None in part for part in parts):
        return ["{" + ", ".join(row) + "}" for row in zip(*parts, strict=True)]
    documents: list[str | None] = []
    for row in zip(*parts, strict=True):
        known = [part for part in row if part is not None]
        documents.append("{" + ", ".join(known) + "}" if known else None)
    return documents


def _known(matrix: Matrix, position: int | None) -> list[float | None]:
    if position is None:
        return [None] * len(matrix)
    return [None if value != value else value for value in matrix[:, position].tolist()]


def _candle_opens(parsed: _Lines, grammar: Grammar, layout: Layout) -> Ints:
    """Candle opens in microseconds; a line without a plain one is no longer good."""
    position = grammar.roles(layout).candle_open
    count = len(parsed.good)
    if position is None:
        parsed.good[:] = False
        return np.zeros(count, np.int64)
    if parsed.kinds[position] == "n":
        number = parsed.matrix[:, position]
        is_ms = (number >= _MS_FROM) & (number < _MS_END) & (number == np.floor(number))
        parsed.good &= is_ms & (number >= 946_684_800_000) & (number < 4_102_444_800_000)
        opens = np.where(parsed.good, number, 0).astype(np.int64) * 1000
    else:
        times = _times(parsed.words[position], grammar)
        parsed.good &= np.array([time is not None for time in times], bool)
        opens = np.array([time or 0 for time in times], np.int64)
    parsed.good &= opens % grammar.timeframe.length_us == 0
    return opens


def _check_prices(parsed: _Lines, grammar: Grammar, layout: Layout) -> None:
    """As layout.check_prices: unknown prices are not held against a line."""
    prices = grammar.roles(layout).prices
    unknown = np.full(len(parsed.good), np.nan)
    opened, high, low, close, volume = (
        unknown if at is None else parsed.matrix[:, at] for at in prices
    )
    wrong = (high < opened) | (high < close) | (high < low) | (low > opened) | (low > close)
    parsed.good &= ~(wrong | (volume < 0))
    for at in prices:
        if at is not None and parsed.kinds[at] != "n":
            parsed.good &= ~np.isnan(parsed.matrix[:, at])


def _logged_at(parsed: _Lines, grammar: Grammar, layout: Layout) -> list[int | None]:
    """When each row was written, from the first of the columns that says so."""
    positions = grammar.roles(layout).logged_at
    if not positions:
        return [None] * len(parsed.good)
    position = positions[0]
    if parsed.kinds[position] == "n":
        times = [_time(repr(number), grammar) for number in parsed.matrix[:, position].tolist()]
    else:
        times = _times(parsed.words[position], grammar)
    parsed.good &= np.array([time is not None for time in times], bool)
    return times


def _times(words: list[str], grammar: Grammar) -> list[int | None]:
    """Times in microseconds, None where a word has to be looked at alone."""
    if grammar.zone.key == "UTC" and all(len(word) in (19, 26) for word in words):
        try:
            column = pc.cast(pa.array(words, pa.string()), pa.timestamp("us"))
        except pa.ArrowInvalid:
            pass
        else:
            known: list[int | None] = column.cast(pa.int64()).to_pylist()
            return known
    return [_time(word, grammar) for word in words]


def _time(word: str, grammar: Grammar) -> int | None:
    try:
        return parse_time(word, grammar.zone)
    except LineError:
        return None
