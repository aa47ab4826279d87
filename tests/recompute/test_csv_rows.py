"""Rows of an exported file with the numbers of their lines."""

import os
import time
from pathlib import Path

import pytest

from core.errors import LogFormatError
from core.recompute.csv_rows import BadLines, content_state, is_untouched, read_chunks, read_header


def test_rows_keep_their_line_numbers_between_blank_bad_and_repeated_lines(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(
        b"\xef\xbb\xbftime, long\r\n1,0.5\r\n\r\n2\r\n"
        + b'time, long\r\n"3","0,5"\r\n4,0.\x0025\r\n'
    )
    bad = BadLines(file)
    (chunk,) = read_chunks(file, bad)
    assert read_header(file) == ["time", "long"]
    assert chunk.lines == [2, 6, 7]
    assert chunk.rows == [["1", "0.5"], ["3", "0,5"], ["4", "0.25"]]
    assert (bad.count, bad.messages) == (1, [f"{file}:4: 1 fields, the header has 2"])


@pytest.mark.parametrize(("rows", "sizes"), [(0, []), (5000, [5000]), (5001, [5000, 1])])
def test_many_rows_come_in_chunks(tmp_path: Path, rows: int, sizes: list[int]) -> None:
    file = tmp_path / "s.csv"
    file.write_text("a\n" + "1\n" * rows)
    assert [len(chunk.rows) for chunk in read_chunks(file, BadLines(file))] == sizes


def test_the_first_bad_lines_are_named_and_all_are_counted(tmp_path: Path) -> None:
    bad = BadLines(tmp_path)
    for line in range(30, 0, -1):
        bad.add(line, "no")
    assert bad.count == 30
    assert bad.messages == [f"{tmp_path}:{line}: no" for line in range(11, 31)]


def test_a_file_is_untouched_until_it_is_written_or_gone(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("a\n1\n")
    state = content_state(file)
    assert is_untouched(file, state)
    assert not is_untouched(file, None)
    file.write_text("a\n1\n2\n")
    assert not is_untouched(file, state)
    assert content_state(file)["sha256"] != state["sha256"]
    file.unlink()
    assert not is_untouched(file, state)


def test_a_file_rewritten_in_place_at_equal_size_and_time_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("a\n1\n")
    os.utime(file, (1, 1))
    state = content_state(file)
    time.sleep(0.02)  # the clock of the file system
    file.write_text("a\n2\n")
    os.utime(file, (1, 1))
    assert not is_untouched(file, state)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    os.mkfifo(file)
    for read in (content_state, read_header, lambda path: list(read_chunks(path, BadLines(path)))):
        with pytest.raises(LogFormatError, match=r"s\.csv: cannot be read: no regular file"):
            read(file)


def test_a_file_that_is_not_there_or_empty_is_named(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    for read in (content_state, read_header, lambda path: list(read_chunks(path, BadLines(path)))):
        with pytest.raises(LogFormatError, match=r"s\.csv: cannot be read: No such file"):
            read(file)
    file.write_text("\n \n")
    with pytest.raises(LogFormatError, match="is empty"):
        read_header(file)
