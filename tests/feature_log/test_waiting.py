"""Every line is stored, a duplicate, in quarantine or waiting; none vanishes behind a quote."""

import os
import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.feature_log.reads import ingestion_account
from core.storage.tables import duplicate_line, feature_row, quarantine
from tests.feature_log.world import NEW, NOW, Bench, header, row, rows
from tests.mutated_lines import mutate_until_enough, mutated, wanted_lines

STRAY = row(2, NEW, regime='"bear')


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def is_header(line: bytes) -> bool:
    """Names of columns, some of them damaged; no row holds any."""
    return len({name.encode() for name in NEW} & set(line.split(b","))) > 2


def waiting(bench: Bench) -> tuple[int, int]:
    """Lines and waiting ones, as status shows them."""
    with bench.engine.connect() as connection:
        account = ingestion_account(connection, bench.bot_id)
    return account["lines"], account["waiting"]


def set_age(path: Path, minutes: float) -> None:
    moment = NOW.timestamp() - 60 * minutes
    os.utime(path, (moment, moment))


@pytest.mark.parametrize("after", [1, 2, 285])
def test_a_stray_quote_in_a_drifted_stretch_hides_no_line(bench: Bench, after: int) -> None:
    """Seen: 278 of 288 lines of a finished day neither counted nor named."""
    day = header() + rows(0, 2) + STRAY + rows(3, 3 + after, NEW)
    set_age(bench.write("a.csv", day), 60)
    bench.ingest()
    assert waiting(bench) == (3 + after, 0)
    bench.write("b.csv", header(NEW) + rows(400, 403, NEW))
    bench.ingest()
    assert bench.reasons() == ["unclosed_quote"]
    assert bench.account() == (6 + after, 5 + after, 0, 1, after)


def test_held_lines_are_counted_as_waiting_until_their_file_is_finished(bench: Bench) -> None:
    path = bench.write("a.csv", header() + rows(0, 2) + '3,"a\nb\n\nc\n')
    set_age(path, 1)
    bench.ingest()
    assert waiting(bench) == (5, 3)
    assert bench.ingest().lines == 0
    assert waiting(bench) == (5, 3)
    set_age(path, 11)  # two candles and a minute
    bench.ingest()
    assert waiting(bench) == (5, 0)
    assert bench.reasons() == ["unclosed_quote", "no_layout", "no_layout"]


def test_a_younger_file_releases_what_waits_in_one_that_stands_still(bench: Bench) -> None:
    set_age(bench.write("a.csv", header() + rows(0, 2) + '3,"a\nb\n'), 3)
    set_age(bench.write("b.csv", header() + rows(5, 6)), 1)
    bench.ingest()
    assert waiting(bench) == (5, 2)  # read for the first time: it may still grow
    bench.ingest()
    assert waiting(bench) == (5, 0)


def test_a_field_that_closes_in_time_is_one_record_after_all(bench: Bench) -> None:
    text = row(2, NEW, regime='"bear\nor\nbull"').splitlines(keepends=True)
    path = bench.write("a.csv", header(NEW) + rows(0, 2, NEW) + "".join(text[:2]))
    set_age(path, 1)
    bench.ingest()
    assert waiting(bench) == (4, 2)
    bench.append("a.csv", text[2])
    bench.ingest()
    assert waiting(bench) == (3, 0)
    assert bench.account() == (3, 3, 0, 0, 0)


def test_a_header_takes_no_row_along(bench: Bench) -> None:
    """Seen in a fuzz: two stray quotes made a header and the row behind it one header."""
    damaged = header(NEW).replace(",sma", ',"sma') + row(2, NEW).replace(",bear", ',"bear')
    set_age(bench.write("a.csv", header() + rows(0, 2) + damaged + rows(3, 5)), 60)
    bench.ingest()
    assert waiting(bench) == (5, 0)
    assert bench.account()[:4] == (5, 4, 0, 1)


def test_a_pipe_or_a_folder_among_the_files_holds_up_nobody(bench: Bench) -> None:
    """Seen: a FIFO that matches a pattern hung the collector for ever."""
    os.mkfifo(bench.folder / "a.csv")
    (bench.folder / "b.csv").mkdir()
    bench.write("c.csv", header() + rows(0, 3))
    report = bench.ingest()
    assert report.stored == 3
    assert [problem.split("csv: ")[1] for problem in report.problems] == [
        "no regular file where a log file was expected",
        "a folder where a log file was expected",
    ]


def test_a_file_written_anew_at_equal_size_and_time_is_noticed(bench: Bench) -> None:
    path = bench.write("a.csv", header() + row(0, rsi=31.5))
    set_age(path, 60)
    bench.ingest()
    before = path.read_bytes()
    with path.open("r+b") as file:
        file.write(before.replace(b"31.5", b"37.5"))
    set_age(path, 60)
    assert bench.ingest().lines == 1


def test_every_line_of_a_mutated_file_is_accounted_for(tmp_path: Path) -> None:
    """Counted by hand on the bytes: no physical line but headers is left out."""
    assert (
        mutate_until_enough(tmp_path, lambda folder, chance: _account_for(Bench(folder), chance))
        >= wanted_lines()
    )


def _account_for(bench: Bench, chance: random.Random) -> int:
    """One mutated file of both layouts, read in pieces; returns how many lines were mutated."""
    text = header() + rows(0, 120) + rows(120, 260, NEW) + header(NEW) + rows(260, 300, NEW)
    written, count = mutated(text, chance)
    lines = [line.removeprefix(b"\xef\xbb\xbf") for line in written.split(b"\n")[:-1]]
    cuts = [*sorted(chance.sample(range(len(written)), 3)), len(written)]
    path = bench.write("a.csv", b"")
    for start, end in zip([0, *cuts], cuts, strict=False):
        bench.append("a.csv", written[start:end])
        set_age(path, 1)
        bench.ingest()
    set_age(path, 60)
    bench.ingest()
    assert waiting(bench)[1] == 0
    named = _physical_lines(bench, written)
    left_out = [
        line
        for number, line in enumerate(lines, start=1)
        if line.strip(b" \t\r") and number not in named and not is_header(line)
    ]
    assert left_out == []
    bench.engine.dispose()
    return count


def _physical_lines(bench: Bench, written: bytes) -> set[int]:
    """Numbers of all physical lines that a stored row, a duplicate or the quarantine speaks of."""
    numbers: set[int] = set()
    with bench.engine.connect() as connection:
        for table in (feature_row, duplicate_line, quarantine):
            for number, offset, length in connection.execute(
                sa.select(table.c.line, table.c.offset, table.c.length)
            ):
                span = written[offset : offset + length].count(b"\n") + 1
                numbers |= set(range(number, number + span))
    return numbers
