"""Reading in bulk and reading line by line give the same rows; so does any cut of a file."""

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.feature_log import reader as reader_module
from core.feature_log.batch import Batch
from core.feature_log.cells import parse_cell
from core.feature_log.layout import Grammar
from core.feature_log.reader import LogReader
from core.settings import FeatureLogSettings
from core.tailing.stream import Chunk
from core.times import Timeframe
from tests.feature_log.world import OLD, header, row

GRAMMAR = Grammar(FeatureLogSettings(paths=("x",), logged_at=("logged_at",)), Timeframe.parse("5m"))

numbers = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**19), 10**19).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=9).map(str),
    st.sampled_from(
        ["1e400", "-1e-400", "+1.5", " 2", "2 ", "1_0", ".5", "5.", "0x1", "INF", "nan"]
    ),
)
words = st.sampled_from(
    ["", "None", "True", "false", "bull", "2025-11-03", "é", "a\\b", "\x1f", " "]
)
fields = st.one_of(numbers, numbers, numbers, words)


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """A header and rows of a few odd columns, most of them plain enough for bulk parsing."""
    kinds = [draw(st.sampled_from([numbers, words, fields])) for _ in range(3)]
    lines = [header((*OLD, "a", "b", "c"))]
    for bar in range(draw(st.integers(17, 60))):
        tail = [draw(kind) for kind in kinds]
        lines.append(
            row(bar).rstrip("\n") + "," + ",".join(tail) + draw(st.sampled_from(["\n", "\r\n"]))
        )
    return "".join(lines).encode()


def outcome(batches: list[Batch]) -> tuple[list[object], ...]:
    return (
        [
            (block.layout.columns, line)
            for batch in batches
            for block in batch.blocks
            for line in block.rows
        ],
        [line for batch in batches for line in batch.drifted],
        [line for batch in batches for line in batch.rejected],
    )


def read(log: bytes, cuts: Iterator[int] | None = None) -> list[Batch]:
    reader = LogReader(GRAMMAR, {}, {})
    batches = []
    start = 0
    for end in [*(cuts or ()), len(log)]:
        end = log.rfind(b"\n", 0, end) + 1
        if end > start:
            batches.append(reader.read(Chunk(start, log[start:end])))
            # Another process goes on from the state that was kept.
            reader_state = batches[-1].state
            if batches[-1].offset == end:
                reader = LogReader(GRAMMAR, {}, reader_state)
            start = end
    return batches


@settings(max_examples=40)
@given(log=logs())
def test_bulk_and_single_lines_give_the_same(log: bytes) -> None:
    in_bulk = outcome(read(log))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_module, "_FEW", 10**9)
        alone = outcome(read(log))
        patch.setattr(reader_module, "_FEW", 16)
        patch.setattr(reader_module, "_MUCH", 0)
        cut = log.index(b"\n", log.index(b"\n") + 1) + 1  # so that the columns are known
        at_once = outcome(read(log, iter([cut])))
    assert in_bulk == alone == at_once


@pytest.mark.parametrize("year", ["1999", "2100"])
def test_a_time_beyond_the_bounds_is_rejected_in_bulk_as_alone(year: str) -> None:
    grammar = Grammar(FeatureLogSettings(paths=("x",), candle_open="at"), Timeframe.parse("5m"))
    lines = [f"{year}-05-03 {hour:02}:00:00,{hour}.5\n" for hour in range(24)]
    batch = LogReader(grammar, {}, {}).read(
        Chunk(0, ("at,value\n2025-05-03 00:00:00,1.5\n" + "".join(lines)).encode())
    )
    assert sum(len(block.rows) for block in batch.blocks) == 1
    assert [line.reason for line in batch.drifted] == ["bad_time"] * 24


@settings(max_examples=40)
@given(log=logs(), cuts=st.lists(st.integers(1, 5000), max_size=5).map(sorted))
def test_a_file_may_be_cut_anywhere(log: bytes, cuts: list[int]) -> None:
    assert outcome(read(log, iter(cuts))) == outcome(read(log))


@given(value=st.floats())
def test_a_number_is_read_bit_for_bit(value: float) -> None:
    found = parse_cell(repr(value))
    assert isinstance(found, float)
    assert struct.pack("<d", found) == struct.pack("<d", value if value == value else float("nan"))


@pytest.mark.parametrize("text", ["1_0", "٣", "0x1", "1,5", "bull", "--", "1e"])
def test_what_is_no_number_is_text(text: str) -> None:
    assert parse_cell(text) == text
