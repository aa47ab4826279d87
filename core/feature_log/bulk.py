"""Many rows at once: what plainly stands under its header, read by Arrow's CSV parser.

Whatever is not plain (a text among numbers, an integer beyond 2^53, an
implausible price) is left to be read alone, so both ways give the same rows.
"""

import json
from dataclasses import dataclass
from typing import Any

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
_DATE = r"^[0-9]{4}-.{2}-"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?$"
_PLAIN = r"^[ !#-\[\]-~]*$"  # what JSON writes as it is
_MS_FROM, _MS_END = 1e11, 1e14  # epoch numbers between are milliseconds
Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Texts = dict[int, pa.Array]  # strings by column; null where a field is no text


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
        self._pieces: dict[int, list[pa.Array]] = {at: [] for at in self.word_columns}
        self._fill(lines, 0)
        self.words = {
            at: pa.chunked_array(pieces, pa.string()).combine_chunks()
            for at, pieces in self._pieces.items()
        }

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
                    self._pieces[at] += column.chunks
        elif len(lines) <= _FEW:
            self.good[start : start + len(lines)] = False
            for pieces in self._pieces.values():
                pieces.append(pa.array([""] * len(lines), pa.string()))
            self.matrix[start : start + len(lines)] = np.nan
        else:
            half = len(lines) // 2
            self._fill(lines[:half], start)
            self._fill(lines[half:], start + half)

    def take_words(self) -> Texts:
        """Texts by column (None where a field is none); numbers among them go to the matrix."""
        texts: Texts = {}
        for at, words in self.words.items():
            if self.kinds[at] == "s" and _all_match(words, _DATE):
                self.matrix[:, at] = np.nan  # text beyond doubt, see cells.parse_cell
                texts[at] = words
                continue
            spelled = words.to_pylist()
            meaning = {word: parse_cell(word) for word in set(spelled)}
            values = [meaning[word] for word in spelled]
            is_text = np.array([value.__class__ is str for value in values], bool)
            numbers = [np.nan if value.__class__ is str else value for value in values]
            self.matrix[:, at] = np.array(numbers, np.float64)
            if self.kinds[at] == "?":  # the first thing seen in a column decides what it holds
                self.good &= np.isnan(self.matrix[:, at]) & ~is_text
            elif is_text.any():
                texts[at] = pc.if_else(pa.array(is_text), words, pa.scalar(None, pa.string()))
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
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    offsets = offset + np.cumsum(lengths + 1) - lengths - 1
    good: Ints = np.flatnonzero(parsed.good)
    matrix = parsed.matrix if len(good) == len(lines) else parsed.matrix[good]
    columns = [
        opens[good].tolist(),
        *_stored(layout, matrix, _documents(texts, good, len(lines))),
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
    for at, words in texts.items():
        text[at] = bool((words.is_valid().to_numpy(zero_copy_only=False) & parsed.good).any())
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


def _documents(texts: Texts, good: Ints, count: int) -> list[str | None]:
    """The texts of each row as JSON, written as json.dumps writes them."""
    if not texts:
        return [None] * len(good)
    if len(good) < count:
        texts = {at: words.take(pa.array(good)) for at, words in texts.items()}
    if all(words.null_count == 0 and _all_match(words, _PLAIN) for words in texts.values()):
        parts: list[Any] = []
        for at, words in texts.items():
            parts += [f'{", " if parts else "{"}"{at}": "', words, '"']
        whole: list[str | None] = pc.binary_join_element_wise(*parts, "}", "").to_pylist()
        return whole
    columns = [(f'"{at}": ', words.to_pylist()) for at, words in texts.items()]
    documents: list[str | None] = []
    for row in range(len(good)):
        known = [name + _escape(words[row]) for name, words in columns if words[row] is not None]
        documents.append("{" + ", ".join(known) + "}" if known else None)
    return documents


def _all_match(words: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(words, pattern)).as_py())


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


def _times(words: pa.Array, grammar: Grammar) -> list[int | None]:
    """Times in microseconds, None where a word has to be looked at alone."""
    if grammar.zone.key == "UTC" and _all_match(words, _ISO):
        try:
            column = pc.cast(words, pa.timestamp("us"))
        except pa.ArrowInvalid:
            pass
        else:
            known: list[int | None] = column.cast(pa.int64()).to_pylist()
            return known
    return [_time(word, grammar) for word in words.to_pylist()]


def _time(word: str, grammar: Grammar) -> int | None:
    try:
        return parse_time(word, grammar.zone)
    except LineError:
        return None
