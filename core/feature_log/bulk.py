"""Many rows at once: what plainly stands under its header, read by Arrow's CSV parser.

Whatever is not plain (a text among numbers, an integer beyond 2^53, an
implausible price) is left to be read alone, so both ways give the same rows.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from core.arrays import Flags, Ints
from core.feature_log.batch import LoggedRow, PlainRows
from core.feature_log.cells import (
    EMPTY,
    EXACT_INTEGERS,
    NOT_A_NUMBER,
    parse_cell,
)
from core.feature_log.layout import Grammar, Layout
from core.tailing.stream import MAX_LINE
from core.time_text import END_US, FIRST_US, NOT_A_TIME, times_us

_LINE_END = 10
_FEW = 16  # lines; fewer are not worth another try in bulk
_NULLS = [*EMPTY, *NOT_A_NUMBER]
_escape = json.encoder.encode_basestring_ascii
_DATE = r"^[0-9]{4}-.{2}-"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?$"
_PLAIN = r"^[ !#-\[\]-~]*$"  # what JSON writes as it is
_MS_FROM, _MS_END = 1e11, 1e14  # epoch numbers between are milliseconds
Texts = dict[int, pa.Array]  # strings by column; null where a field is no text


class _Lines:
    """Lines as columns: numbers in `matrix`, other fields as words; `good` lines are plain."""

    def __init__(self, kinds: str, count: int) -> None:
        self.kinds = kinds
        self.good = np.ones(count, bool)
        self.matrix = np.empty((count, len(kinds)))
        self._pieces: dict[int, list[pa.Array]] = {
            at: [] for at, kind in enumerate(kinds) if kind != "n"
        }

    def _take(self, table: pa.Table, start: int) -> None:
        for at, column in enumerate(table.columns):
            if self.kinds[at] == "n":
                self.matrix[start : start + table.num_rows, at] = column.to_numpy()
            else:
                self._pieces[at] += column.chunks

    def fill_at_once(self, content: bytes) -> bool:
        """Parse content that is plain throughout; False where it is not."""
        table = _parse(content, self.kinds)
        if table is None or table.num_rows != len(self.good):
            return False
        self._take(table, 0)
        return True

    def fill(self, lines: list[bytes], start: int) -> None:
        """Parse; where that fails, halve to find the lines that are to blame."""
        table = _parse(b"\n".join(lines) + b"\n", self.kinds)
        if table is not None and table.num_rows == len(lines):
            self._take(table, start)
        elif len(lines) <= _FEW:
            self.good[start : start + len(lines)] = False
            for pieces in self._pieces.values():
                pieces.append(pa.array([""] * len(lines), pa.string()))
            self.matrix[start : start + len(lines)] = np.nan
        else:
            half = len(lines) // 2
            self.fill(lines[:half], start)
            self.fill(lines[half:], start + half)

    @cached_property
    def words(self) -> dict[int, pa.Array]:
        """The columns that are not plainly numbers."""
        return {
            at: pa.chunked_array(pieces, pa.string()).combine_chunks()
            for at, pieces in self._pieces.items()
        }

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


def _parse(content: bytes, kinds: str) -> pa.Table | None:
    """The lines as a table; None where one of them is not plain."""
    names = [str(at) for at in range(len(kinds))]
    try:
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
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None


@dataclass(slots=True)
class _Place:
    """Where lines stand in their file."""

    line: int
    offsets: Ints
    lengths: Ints


def parse_content(
    grammar: Grammar, layout: Layout, kinds: str, content: bytes, line: int, offset: int
) -> PlainRows | None:
    """Rows of whole lines without quotes, where every one of them is plainly a row."""
    if b"\0" in content:
        return None
    if b"\r" in content and content.count(b"\r") != content.count(b"\r\n"):
        return None
    ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _LINE_END)
    starts = np.concatenate(([0], ends[:-1] + 1))
    parsed = _Lines(kinds, len(ends))
    if (ends - starts).max() > MAX_LINE or not parsed.fill_at_once(content):
        return None
    place = _Place(line, offset + starts, ends - starts)
    block = _judge(parsed, grammar, layout, place)
    return block if len(block) == len(ends) else None


def parse_lines(
    grammar: Grammar, layout: Layout, kinds: str, lines: list[bytes], line: int, offset: int
) -> list[LoggedRow | None]:
    """A row for each line that plainly is one; None where the line has to be read alone.

    All lines have the layout's number of fields and no quotes. kinds: one
    letter a column, n numbers, s words, ? nothing seen yet; `line` and `offset`
    are those of the first line.
    """
    parsed = _Lines(kinds, len(lines))
    parsed.fill(lines, 0)
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    offsets = offset + np.cumsum(lengths + 1) - lengths - 1
    judged = _judge(parsed, grammar, layout, _Place(line, offsets, lengths)).rows()
    rows: list[LoggedRow | None] = [None] * len(lines)
    for row in judged:
        rows[row.line - line] = row
    return rows


def _judge(parsed: _Lines, grammar: Grammar, layout: Layout, place: _Place) -> PlainRows:
    """The lines of which everything holds that must hold."""
    texts = parsed.take_words()
    if not np.nanmax(np.abs(parsed.matrix), initial=0) < EXACT_INTEGERS:
        parsed.good &= ~(np.abs(parsed.matrix) >= EXACT_INTEGERS).any(axis=1)
    opens = _candle_opens(parsed, grammar, layout)
    _check_prices(parsed, grammar, layout)
    logged = _logged_at(parsed, grammar, layout)
    count = len(parsed.good)
    good: Ints = np.flatnonzero(parsed.good)
    if len(good) < count:
        texts = {at: words.take(pa.array(good)) for at, words in texts.items()}
        logged = [logged[at] for at in good.tolist()]
    return PlainRows(
        layout,
        opens[good],
        parsed.matrix if len(good) == count else parsed.matrix[good],
        _documents(texts, len(good)),
        logged,
        grammar.roles(layout).prices,
        place.line + good,
        place.offsets[good],
        place.lengths[good],
        _text_columns(texts, len(layout.columns)),
    )


def _text_columns(texts: Texts, width: int) -> Flags:
    text = np.zeros(width, bool)
    for at, words in texts.items():
        text[at] = words.null_count < len(words)
    return text


def _documents(texts: Texts, count: int) -> list[str | None]:
    """The texts of each row as JSON, written as json.dumps writes them."""
    if not texts:
        return [None] * count
    if all(words.null_count == 0 and _all_match(words, _PLAIN) for words in texts.values()):
        parts: list[Any] = []
        for at, words in texts.items():
            parts += [f'{", " if parts else "{"}"{at}": "', words, '"']
        whole: list[str | None] = pc.binary_join_element_wise(*parts, "}", "").to_pylist()
        return whole
    columns = [(f'"{at}": ', words.to_pylist()) for at, words in texts.items()]
    documents: list[str | None] = []
    for row in range(count):
        known = [name + _escape(words[row]) for name, words in columns if words[row] is not None]
        documents.append("{" + ", ".join(known) + "}" if known else None)
    return documents


def _all_match(words: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(words, pattern)).as_py())


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
        spelled = map(repr, parsed.matrix[:, position].tolist())
        times = _times(pa.array(spelled, pa.string()), grammar)
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
            known = column.cast(pa.int64()).to_numpy()
            return _known(np.where((known >= FIRST_US) & (known < END_US), known, NOT_A_TIME))
    return _known(times_us(words.to_pylist(), grammar.zone))


def _known(times: Ints) -> list[int | None]:
    return [None if time == NOT_A_TIME else time for time in times.tolist()]
