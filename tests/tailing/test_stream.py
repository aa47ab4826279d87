"""Whole lines out of a file, however it is packed, cut or replaced."""

import gzip
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.feature_log.reads import read_vectors
from core.tailing.fingerprint import BLOCK, Fingerprint
from core.tailing.stream import (
    MAX_LINE,
    Chunk,
    LongLine,
    line_at,
    open_stream,
    skip_to,
    whole_lines,
)
from tests.feature_log.world import NEW, Bench, cells, content, header, row, rows


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@given(text=st.text("ab\n", max_size=60), size=st.integers(1, 20))
def test_pieces_of_any_size_hold_every_whole_line_at_its_place(text: str, size: int) -> None:
    log = text.encode()
    seen = Fingerprint()
    pieces = list(whole_lines(io.BytesIO(log), 0, seen, size))
    end = log.rfind(b"\n") + 1
    assert b"".join(piece.data for piece in pieces if isinstance(piece, Chunk)) == log[:end]
    for piece in pieces:
        assert isinstance(piece, Chunk)
        assert log[piece.offset :].startswith(piece.data)
        assert piece.data.endswith(b"\n")
    assert seen.length == end


@pytest.mark.parametrize("length", [MAX_LINE + 2**18, 2 * BLOCK + 7])
def test_a_line_beyond_the_limit_is_passed_with_its_place_and_hash(length: int) -> None:
    long = b"x" * length
    log = b"a\n" + long + b"\nb\n" + b"unfinished"
    seen = Fingerprint()
    first, line, rest = whole_lines(io.BytesIO(log), 0, seen, 2**17)
    assert first == Chunk(0, b"a\n")
    assert line == LongLine(2, length, hashlib.sha256(long).hexdigest())
    assert rest == Chunk(2 + length + 1, b"b\n")
    whole = Fingerprint()
    whole.update(0, log[: -len("unfinished")])
    assert seen.document() == whole.document()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_long_line_is_accounted_for_once_it_is_whole(bench: Bench, pack: object) -> None:
    assert callable(pack)
    long = b"x" * (MAX_LINE + 100)
    bench.write("a.csv", pack((header() + row(0)).encode() + long[:-50]))
    bench.ingest()
    assert bench.account() == (1, 1, 0, 0, 0)
    bench.append("a.csv", pack(long[-50:] + b"\n" + row(1).encode()))
    bench.ingest()
    assert bench.account() == (3, 2, 0, 1, 0)
    (line,) = content(bench.engine)["quarantine"]
    assert (line[1], line[3], line[6]) == (3, "too_long", None)
    assert line[7] == hashlib.sha256(long).hexdigest()
    bench.append("a.csv", pack(row(2).encode()))
    assert bench.ingest().stored == 1


def test_a_gzip_log_whose_content_was_replaced_is_read_again(bench: Bench) -> None:
    def write(text: str) -> None:
        bench.write("a.csv.gz", gzip.compress(text.encode()))

    write(header() + rows(0, 5))
    bench.ingest()
    write(header() + rows(0, 3))  # cut back
    assert bench.ingest().lines == 0
    write(header() + rows(0, 2) + row(2, rsi=1.0) + rows(3, 6))  # one row says something else
    report = bench.ingest()
    assert (report.lines, report.stored, report.quarantined) == (2, 1, 1)


def test_padding_between_gzip_members_is_no_data(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a\n") + b"\0" * 512 + gzip.compress(b"b\n"))
    stream = open_stream(path)
    pieces = list(whole_lines(stream, 0, Fingerprint()))
    stream.close()
    assert pieces == [Chunk(0, b"a\n"), Chunk(2, b"b\n")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_line_is_found_at_its_place_while_it_is_there(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    path = tmp_path / "log"
    path.write_bytes(pack(b"first\nsecond\n"))
    assert line_at(path, 6, 6) == b"second"
    assert line_at(path, 6, 60) is None
    assert line_at(path, 600, 6) is None
    assert line_at(tmp_path / "gone", 0, 1) is None


def test_a_gzip_stream_that_ends_before_a_place_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"12345"))
    for offset, is_there in ((0, True), (5, True), (6, False)):
        stream = open_stream(path)
        assert skip_to(stream, offset) is is_there
        stream.close()


def test_of_a_large_log_head_and_end_are_checked_and_the_rest_in_turn() -> None:
    log = bytes(range(256)) * (7 * BLOCK // 256) + b"end"
    seen = Fingerprint()
    for start in range(0, len(log), 3_000_000):
        seen.update(max(0, start - 10), log[max(0, start - 10) : start + 3_000_000])  # overlapping
    known = Fingerprint.from_document(seen.document())
    assert known.blocks_to_check(whole=True, turn=0) == list(range(8))
    looked_at = [known.blocks_to_check(whole=False, turn=turn) for turn in range(6)]
    assert all({0, 6, 7} <= set(blocks) and len(blocks) <= 4 for blocks in looked_at)
    assert set().union(*looked_at) == set(range(8))
    assert known.matches(3, log[3 * BLOCK : 4 * BLOCK])
    assert not known.matches(3, log[3 * BLOCK + 1 : 4 * BLOCK + 1])
    with pytest.raises(RuntimeError, match="read again"):
        known.update(len(log), b"more")
    assert not known.matches(7, b"End")
    assert known.matches(7, b"end")
    known.update(len(log), b"more")
    whole = Fingerprint()
    whole.update(0, log + b"more")
    assert known.document() == whole.document()
    assert not known.go_on_from(seen)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_quoted_field_that_goes_on_in_the_next_piece_is_one_row(
    bench: Bench, pack: object
) -> None:
    assert callable(pack)
    fields = cells(1, NEW)
    fields[NEW.index("regime")] = '"bull, they said\nand meant it"'
    before, rest = ",".join(fields).split("\n")
    bench.write("a.csv", pack((header(NEW) + row(0, NEW) + before + "\n").encode()))
    bench.ingest()
    assert bench.account() == (1, 1, 0, 0, 0)
    bench.append("a.csv", pack((rest + "\n" + row(2, NEW)).encode()))
    bench.ingest()
    assert bench.account() == (3, 3, 0, 0, 0)
    with bench.engine.connect() as connection:
        (block,) = read_vectors(connection, bench.bot_id, with_texts=True)
    assert [texts["regime"] for texts in block.texts] == [
        "bear", "bull, they said\nand meant it", "bear",
    ]  # fmt: skip
