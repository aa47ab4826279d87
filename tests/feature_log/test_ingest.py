"""Every line is accounted for, in any order, in any pieces."""

import gzip
import os
import random
import re
import shutil
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.feature_log.reads import (
    collection_rows,
    ingestion_account,
    layout_changes,
    layout_columns,
    logged_line,
    logged_opens,
    quarantined,
    read_vector,
    read_vectors,
)
from core.tailing import follow as follow_module
from core.tailing.files import LogFile
from core.tailing.survey import Survey, survey
from tests.feature_log.world import (
    NEW,
    OLD,
    OTHER,
    Bench,
    content,
    flawed_logs,
    header,
    row,
    rows,
)
from tests.real import REAL, needs_real

STEP = timedelta(minutes=5)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@needs_real
def test_a_real_bots_log_is_stored_wholly(tmp_path: Path) -> None:
    logs = REAL / "feature_logs"
    paths = (str(logs / "main/features_*.csv"), str(logs / "other_cwd/features_*.csv"))
    bench = Bench(tmp_path, {"paths": paths, "logged_at": ("logged_at", "logged_at_utc")})
    report = bench.ingest()
    assert (report.lines, report.stored, report.recovered, report.quarantined) == (
        1077,
        1077,
        122,
        0,
    )
    with bench.engine.connect() as connection:
        found = collection_rows(connection, bench.bot_id)
    assert len(found) == 1077
    delay = found["logged_at"] - found["candle_open"]
    assert delay.dt.total_seconds().between(300, 360).all()


def test_rows_come_back_bit_for_bit(bench: Bench) -> None:
    numbers = ["-0.0", "nan", "5e-324", "0.1", "1.7976931348623157e308", "123456789.12345679"]
    columns = tuple(f"f{number}" for number in range(len(numbers)))
    lines = [",".join([row(bar).split(",")[0], *numbers]) for bar in range(40)]
    bench.write("a.csv", header(("time", *columns)) + "\n".join(lines) + "\n")
    bench.ingest()
    expected = np.array([float(number) for number in numbers])
    with bench.engine.connect() as connection:
        (block,) = read_vectors(connection, bench.bot_id)
    assert block.columns == ("time", *columns)
    assert (block.matrix[:, 1:].view("u8") == expected.view("u8")).all()


def test_text_truth_values_and_empty_fields_have_a_meaning(bench: Bench) -> None:
    names = ("time", "flag", "word", "empty", "none", "id")
    bench.write("a.csv", header(names) + row(0)[:13] + ",True,bull,,None,12345678901234567890\n")
    bench.ingest()
    with bench.engine.connect() as connection:
        (opened,) = logged_opens(connection, bench.bot_id)
        vector = read_vector(connection, bench.bot_id, opened)
        (block,) = read_vectors(connection, bench.bot_id, with_texts=True)
    assert vector is not None
    assert (vector["flag"], vector["word"]) == (1.0, "bull")
    assert np.isnan(vector["empty"]) and np.isnan(vector["none"])
    assert block.texts == ({"word": "bull", "id": "12345678901234567890"},)


def test_an_unfinished_last_line_waits_for_its_rest(bench: Bench) -> None:
    line = row(1)
    bench.write("a.csv", header() + row(0) + line[:-9])
    assert bench.ingest().lines == 1
    bench.append("a.csv", line[-9:])
    assert bench.ingest().stored == 1
    assert bench.account() == (2, 2, 0, 0, 0)


def test_lines_of_a_changed_layout_wait_until_its_header_is_seen(bench: Bench) -> None:
    bench.write("a.csv", header() + rows(0, 3) + rows(3, 6, NEW))
    assert bench.ingest().quarantined == 3
    assert bench.reasons() == ["no_layout"] * 3
    bench.write("b.csv", header(NEW) + rows(6, 8, NEW))
    report = bench.ingest()
    assert (report.lines, report.stored, report.recovered, report.quarantined) == (2, 5, 3, -3)
    assert bench.account() == (8, 8, 0, 0, 3)


def test_a_line_that_two_layouts_fit_stays_in_quarantine_whichever_came_first(
    tmp_path: Path,
) -> None:
    twin = (*NEW[:9], "rsi2", *NEW[10:])
    found = []
    for number, order in enumerate((("b.csv", "c.csv"), ("c.csv", "b.csv"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        bench = Bench(folder)
        bench.write("a.csv", header() + rows(0, 3) + row(3, NEW))
        for name in order:
            bench.write(name, header(NEW if name == "b.csv" else twin))
            bench.ingest()
        assert bench.reasons() == ["ambiguous"]
        found.append(bench.account())
    assert found[0] == found[1] == (4, 3, 0, 1, 0)


def test_the_number_of_fields_alone_recovers_nothing(bench: Bench) -> None:
    bench.write("a.csv", header(OTHER) + rows(0, 30, OTHER))
    bench.write("b.csv", header(NEW) + rows(40, 43, NEW) + rows(43, 46))
    bench.ingest()
    assert bench.account() == (36, 33, 0, 3, 0)
    assert "logged_at column: 33 is no epoch time" in content(bench.engine)["quarantine"][0][4]


def test_text_where_a_layout_holds_numbers_recovers_nothing(bench: Bench) -> None:
    swapped = (*OLD[:6], "rsi", "sma", "timestamp", "logged_at")
    bench.write("a.csv", header(swapped) + rows(0, 30, swapped))
    bench.write("b.csv", header(NEW) + rows(40, 43, NEW) + rows(43, 46))
    bench.ingest()
    assert bench.account() == (36, 33, 0, 3, 0)
    assert "holds numbers, here '2025" in content(bench.engine)["quarantine"][0][4]


def test_a_row_that_breaks_the_price_line_is_not_recovered(bench: Bench) -> None:
    bench.write("a.csv", header() + rows(0, 3) + row(3, NEW, open=50.0, low=49.0) + row(4, NEW))
    bench.write("b.csv", header(NEW))
    bench.ingest()
    assert bench.account() == (5, 4, 0, 1, 1)
    assert "does not continue close" in content(bench.engine)["quarantine"][0][4]


def test_a_row_as_wide_as_its_header_but_of_another_layout_is_recovered(bench: Bench) -> None:
    bench.write("a.csv", header() + rows(0, 30) + rows(30, 33, OTHER))
    bench.write("b.csv", header(OTHER) + rows(40, 43, OTHER))
    bench.ingest()
    assert bench.account() == (36, 36, 0, 0, 3)


@pytest.mark.parametrize("first", ["a.csv", "b.csv"])
def test_of_different_rows_for_a_candle_the_first_in_path_order_stays(
    bench: Bench, first: str
) -> None:
    logs = {"a.csv": header() + row(0) + row(1, rsi=1.0), "b.csv": header() + row(0) + row(1)}
    bench.write(first, logs[first])
    bench.ingest()
    (other,) = logs.keys() - {first}
    bench.write(other, logs[other])
    report = bench.ingest()
    assert len(report.replaced_candles) == (first == "b.csv")
    assert bench.account() == (4, 2, 1, 1, 0)
    with bench.engine.connect() as connection:
        opens = logged_opens(connection, bench.bot_id)
        kept = read_vector(connection, bench.bot_id, opens[1])
        (line,) = quarantined(connection, bench.bot_id).to_dict("records")
    assert kept is not None and kept["rsi"] == 1.0
    assert (line["reason"], line["raw"], Path(line["file"]).name) == (
        "conflict",
        row(1).strip().encode(),
        "b.csv",
    )


def test_what_is_replaced_is_kept_in_quarantine_even_when_its_file_is_gone(bench: Bench) -> None:
    bench.write("b.csv", header() + row(1, rsi=7.5)).chmod(0o644)
    bench.ingest()
    (bench.folder / "b.csv").unlink()
    bench.write("a.csv", header() + row(1, rsi=8.5))
    bench.ingest()
    assert bench.account() == (2, 1, 0, 1, 0)
    assert b"7.5" in content(bench.engine)["quarantine"][0][6]


def test_a_renamed_log_keeps_its_account(bench: Bench) -> None:
    bench.write("features.csv", header() + rows(0, 5))
    bench.ingest()
    (bench.folder / "features.csv").rename(bench.folder / "features.csv.1")
    bench.append("features.csv.1", row(5))
    bench.write("features.csv", header() + rows(6, 8))
    assert bench.ingest().lines == 3
    (bench.folder / "features.csv.1").rename(bench.folder / "features.csv.2")
    (bench.folder / "features.csv").rename(bench.folder / "features.csv.1")
    bench.write("features.csv", header() + rows(8, 9))
    assert bench.ingest().lines == 1
    assert bench.account() == (9, 9, 0, 0, 0)


def test_the_oldest_log_may_fall_out_of_a_rotation(bench: Bench) -> None:
    bench.write("f.csv.1", header() + rows(0, 3))
    bench.write("f.csv", header() + rows(3, 6))
    bench.ingest()
    (bench.folder / "f.csv").rename(bench.folder / "f.csv.1")
    bench.write("f.csv", header() + rows(6, 7))
    bench.ingest()
    assert bench.account() == (7, 7, 0, 0, 0)


def test_a_log_copied_away_and_begun_anew_is_not_counted_twice(bench: Bench) -> None:
    path = bench.write("f.csv", header() + rows(0, 5))
    bench.ingest()
    shutil.copy(path, bench.folder / "f.csv.1")
    path.write_text(header() + row(5))
    bench.ingest()
    assert bench.account() == (6, 6, 0, 0, 0)


def test_a_log_compressed_after_rotation_keeps_its_account(bench: Bench) -> None:
    path = bench.write("f.csv", header() + rows(0, 5))
    bench.ingest()
    bench.write("f.csv.1.gz", gzip.compress(path.read_bytes()))
    path.unlink()
    assert bench.ingest().lines == 0


def test_a_rename_that_changes_the_order_changes_the_winner(bench: Bench) -> None:
    bench.write("b.csv", header() + row(0, rsi=1.0))
    bench.write("c.csv", header() + row(0, rsi=2.0) + row(1))
    bench.ingest()
    (bench.folder / "c.csv").rename(bench.folder / "a.csv")
    assert len(bench.ingest().replaced_candles) == 1
    fresh = Bench(bench.folder, database="fresh.db")
    fresh.ingest()
    assert content(bench.engine) == content(fresh.engine)


def test_a_replaced_log_is_read_again_without_doubling_anything(bench: Bench) -> None:
    bench.write("a.csv", header() + rows(0, 5) + "broken\n" + row(4) + row(3, rsi=9.0))
    bench.ingest()
    assert bench.account() == (8, 5, 1, 2, 0)
    bench.write("a.csv", header() + rows(3, 5) + "broken\n" + rows(5, 7))  # a moving window
    report = bench.ingest()
    assert (report.lines, report.stored, report.quarantined) == (2, 2, 0)
    bench.write("a.csv", header() + rows(3, 5))  # cut back
    assert bench.ingest().lines == 0
    bench.write("a.csv", header() + row(3) + row(4, rsi=1.0))  # one row says something else
    report = bench.ingest()
    assert (report.lines, report.stored, report.quarantined) == (1, 0, 1)
    assert bench.account() == (11, 7, 1, 3, 0)


def test_a_change_in_the_middle_of_a_log_is_noticed(bench: Bench) -> None:
    bench.write("a.csv", header() + rows(0, 50))
    bench.ingest()
    bench.write("a.csv", header() + rows(0, 25) + row(25, rsi=11.0) + rows(26, 51))
    report = bench.ingest()
    assert (report.lines, report.stored, report.quarantined) == (2, 1, 1)


def test_a_growing_gzip_log_is_read_on(bench: Bench) -> None:
    whole = header() + rows(0, 5)
    bench.write("a.csv.gz", gzip.compress(whole.encode()))
    bench.ingest()
    bench.append("a.csv.gz", gzip.compress(rows(5, 7).encode()))
    assert bench.ingest().stored == 2
    member = gzip.compress(rows(7, 400).encode())
    bench.append("a.csv.gz", member[: len(member) // 2])
    assert 0 < bench.ingest().stored < 393
    bench.append("a.csv.gz", member[len(member) // 2 :])
    bench.ingest()
    assert bench.account() == (400, 400, 0, 0, 0)


def test_a_damaged_gzip_log_is_a_sentence(bench: Bench) -> None:
    packed = bytearray(gzip.compress((header() + rows(0, 400)).encode()))
    packed[len(packed) // 2] ^= 0xFF
    bench.write("a.csv.gz", bytes(packed))
    (problem,) = bench.ingest().problems
    assert "damaged gzip data" in problem


def test_lines_that_are_no_rows_say_why(bench: Bench) -> None:
    bench.write(
        "a.csv",
        header().encode()
        + row(0).encode()
        + b"\xff"
        + row(1).encode()
        + b"\0"
        + row(2).encode()
        + row(3, time="yesterday").encode()
        + row(4, time=1_762_128_000_001).encode()
        + row(5, high=1.0).encode()
        + row(6, rsi="high").encode()
        + row(7, logged_at="soon").encode()
        + b'"'
        + row(8).encode()
        + row(9).encode()
        + b"x" * (2**20 + 1)
        + b"\n"
        + row(10).encode(),
    )
    bench.ingest()
    assert bench.reasons() == [
        "encoding",
        "nul_byte",
        "bad_time",
        "off_grid",
        "implausible",
        "text_in_number",
        "bad_time",
        "unclosed_quote",
        "too_long",
    ]
    assert bench.account() == (12, 3, 0, 9, 0)
    assert content(bench.engine)["quarantine"][-1][6] is None


@pytest.mark.parametrize("zone", ["America/New_York"])
def test_local_times_that_a_clock_shows_twice_or_never_are_not_guessed(
    tmp_path: Path, zone: str
) -> None:
    bench = Bench(tmp_path, {"zone": zone, "candle_open": "timestamp"})
    times = ["2025-11-02 00:55:00", "2025-11-02 01:30:00", "2025-03-09 02:30:00", "2025-11-02"]
    bench.write("a.csv", "timestamp,x\n" + "".join(f"{time},1.5\n" for time in times))
    bench.ingest()
    assert bench.reasons() == ["ambiguous_time", "nonexistent_time"]
    with bench.engine.connect() as connection:
        opens = logged_opens(connection, bench.bot_id)
    assert [str(opened) for opened in opens] == [
        "2025-11-02 04:00:00+00:00",
        "2025-11-02 04:55:00+00:00",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "1762131600000",
        "1762131600",
        "1762131600.0",
        "2025-11-03 01:00:00",
        "2025-11-03T01:00:00Z",
        "2025-11-03T10:00:00+09:00",
    ],
)
def test_candle_opens_are_read_in_every_usual_form(bench: Bench, text: str) -> None:
    bench.write("a.csv", f"time,x\n{text},1.0\n")
    bench.ingest()
    with bench.engine.connect() as connection:
        (opened,) = logged_opens(connection, bench.bot_id)
    assert str(opened) == "2025-11-03 01:00:00+00:00"


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    paths = tuple(str(tmp_path / name) for name in ("*.csv", "absent.csv", "no*.csv"))
    report = Bench(tmp_path, {"paths": paths}).ingest()
    assert [problem.split(": ")[-1].split(";")[0] for problem in report.problems] == [
        "no such file",
        "no file matches",
        "a folder where a log file was expected",
    ]


def test_a_file_that_vanishes_while_it_is_read_is_a_sentence(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.write("a.csv", header() + rows(0, 3))
    bench.write("b.csv", header() + rows(3, 5))

    def survey_then_lose(
        patterns: Iterable[str], known: Mapping[str, LogFile], section: str
    ) -> Survey:
        found = survey(patterns, known, section)
        path.unlink()
        return found

    monkeypatch.setattr(follow_module, "survey", survey_then_lose)
    report = bench.ingest()
    assert report.stored == 2
    assert report.problems == (f"{path}: vanished while it was read",)


def test_a_header_without_the_candle_open_column_says_what_to_set(bench: Bench) -> None:
    bench.write("a.csv", "when,rsi\n" + "1762131600000,5.0\n")
    bench.ingest()
    (line,) = content(bench.engine)["quarantine"]
    assert line[3] == "no_candle_open"
    assert 'no column is named "time"' in line[4]


def test_ten_thousand_columns_are_rows_like_others(bench: Bench) -> None:
    names = ("time", *(f"f{number}" for number in range(10_000)))
    tail = "," + ",".join(["0.25"] * 10_000) + "\n"
    bench.write("a.csv", header(names) + "".join(row(bar)[:13] + tail for bar in range(40)))
    bench.ingest()
    assert bench.account() == (40, 40, 0, 0, 0)


def test_a_new_row_of_a_log_is_read_without_the_rest(bench: Bench) -> None:
    bench.write("a.csv", header() + rows(0, 100))
    bench.ingest()
    bench.append("a.csv", row(100))
    report = bench.ingest()
    assert (report.lines, report.files) == (1, 1)


def test_another_zone_in_the_configuration_reads_the_logs_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"candle_open": "timestamp"})
    bench.write("a.csv", header() + rows(0, 5) + row(4) + row(3, rsi=1.0) + "broken\n")
    bench.ingest()
    bench.settings["zone"] = "Asia/Seoul"
    bench.ingest()
    fresh = Bench(tmp_path, bench.settings, database="fresh.db")
    fresh.ingest()
    anew, expected = content(bench.engine), content(fresh.engine)
    assert {**anew, "profiles": None} == {**expected, "profiles": None}
    assert bench.account() == (8, 5, 1, 2, 0)


def test_the_line_of_a_candle_is_shown_while_it_still_says_what_was_stored(bench: Bench) -> None:
    path = bench.write("a.csv", header() + rows(0, 3))
    packed = bench.write("b.csv.gz", gzip.compress((header() + rows(3, 5)).encode()))
    bench.ingest()
    with bench.engine.connect() as connection:
        opens = logged_opens(connection, bench.bot_id)
        plain = logged_line(connection, bench.bot_id, opens[1])
        gzipped = logged_line(connection, bench.bot_id, opens[4])
        edited = row(1).replace(row(1).split(",")[1], "7" * len(row(1).split(",")[1]), 1)
        path.write_text(header() + row(0) + edited + row(2))
        changed = logged_line(connection, bench.bot_id, opens[1])
        path.write_text(header())
        short = logged_line(connection, bench.bot_id, opens[1])
        packed.unlink()
        gone = logged_line(connection, bench.bot_id, opens[4])
        nothing = logged_line(connection, bench.bot_id, opens[4] + (opens[4] - opens[0]))
    assert plain is not None and (plain.line, plain.text) == (3, row(1).strip())
    assert gzipped is not None and (gzipped.text, gzipped.problem) == (row(4).strip(), None)
    assert changed is not None and (changed.path, changed.text) == (str(path), None)
    assert changed.problem == "the line was changed since this row was read"
    assert short is not None and short.text is None
    assert short.problem == "the file cannot be read up to this line any more"
    assert gone is not None and (gone.text, gone.problem) == (None, "the file is no longer there")
    assert nothing is None


def _ingest_in_pieces(bench: Bench, logs: dict[str, bytes], chance: random.Random) -> None:
    """Let the files appear and grow in any order, in any pieces, each look a full ingest."""
    left = dict.fromkeys(logs, 0)
    while left:
        for name in chance.sample(sorted(left), chance.randint(1, len(left))):
            start = left[name]
            size = chance.choice([1, 7, 300, 3000, len(logs[name])])
            bench.append(name, logs[name][start : start + size])
            left[name] = start + size
            if left[name] >= len(logs[name]):
                del left[name]
        if chance.random() < 0.3 or not left:
            bench.ingest()


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6), piece=st.sampled_from([200, 1500, 10**6]))
def test_any_order_and_any_pieces_end_in_the_same_content(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    piece: int,
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    logs = flawed_logs()
    pieces = Bench(folder)
    monkeypatch.setattr(follow_module, "PIECE", piece)
    _ingest_in_pieces(pieces, logs, random.Random(seed))
    monkeypatch.setattr(follow_module, "PIECE", 10**6)
    at_once = Bench(folder, database="at_once.db")
    at_once.ingest()
    assert content(pieces.engine) == content(at_once.engine)
    again = pieces.ingest()
    assert again.lines == again.stored == again.quarantined == 0


def test_the_flawed_logs_come_to_what_was_counted_by_hand(bench: Bench) -> None:
    for name, log in flawed_logs().items():
        bench.write(name, log)
    bench.ingest()
    assert bench.account() == (125, 103, 10, 12, 29)
    assert sorted(bench.reasons()) == [
        *["conflict"] * 5,
        "encoding",
        *["no_layout"] * 5,
        "nul_byte",
    ]


def test_an_unreadable_log_keeps_no_other_from_being_read(bench: Bench) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    bench.write("a.csv", header(OLD) + row(0)).chmod(0)
    bench.write("b.csv", header() + row(1))
    report = bench.ingest()
    assert report.stored == 1
    assert "Permission denied" in report.problems[0]


def test_an_account_without_logs_is_zero(bench: Bench) -> None:
    with bench.engine.connect() as connection:
        assert set(ingestion_account(connection, bench.bot_id).values()) == {0}


def test_paths_that_cannot_be_read_are_sentences_and_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "lost.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "log[1].csv").write_text(header() + rows(0, 3))  # a name like a pattern
    paths = (str(tmp_path / "lost.csv"), str(tmp_path / "log[1].csv"))
    bench = Bench(tmp_path, {"paths": paths})
    report = bench.ingest()
    (problem,) = report.problems
    assert "lost.csv: cannot be read: No such file or directory" in problem
    assert report.stored == 3


def test_a_gzip_log_that_was_damaged_since_keeps_its_account(bench: Bench) -> None:
    packed = gzip.compress((header() + rows(0, 400)).encode())
    bench.write("a.csv.gz", packed)
    bench.ingest()
    damaged = bytearray(packed)
    damaged[len(damaged) // 2] ^= 0xFF
    bench.write("a.csv.gz", bytes(damaged))
    bench.write("b.csv.gz", bytes(damaged))
    problems = bench.ingest().problems
    assert len(problems) == 2
    assert all("damaged gzip data" in problem for problem in problems)
    assert bench.account() == (400, 400, 0, 0, 0)


def test_a_layouts_columns_come_and_go_at_the_candle_where_they_do(bench: Bench) -> None:
    bench.write("a.csv", header() + rows(0, 3))
    bench.write("b.csv", header(NEW) + rows(3, 5, NEW))
    bench.ingest()
    with bench.engine.connect() as connection:
        changes = layout_changes(connection, bench.bot_id)
        columns = layout_columns(connection, bench.bot_id)
        opens = logged_opens(connection, bench.bot_id)
    assert changes["candle_open"].tolist() == [opens[0], opens[3]]
    assert changes["came"].tolist() == [OLD, ("atr", "regime")]
    assert changes["went"].tolist() == [(), ("sma",)] if "sma" not in NEW else [(), ()]
    assert set(columns) == {*OLD, *NEW}


def test_a_candle_reads_back_as_it_was_logged_and_others_are_none(bench: Bench) -> None:
    bench.write("a.csv", header(NEW) + rows(0, 3, NEW))
    bench.ingest()
    with bench.engine.connect() as connection:
        opens = logged_opens(connection, bench.bot_id)
        found = read_vector(connection, bench.bot_id, opens[1].to_pydatetime())
        absent = read_vector(connection, bench.bot_id, opens[1].to_pydatetime() + STEP / 2)
        blocks = list(
            read_vectors(
                connection, bench.bot_id, opens[1].to_pydatetime(), opens[2].to_pydatetime()
            )
        )
    assert found is not None
    assert (found["rsi"], found["regime"]) == (31.0, "bull")
    assert absent is None
    assert [block.candle_opens.tolist() for block in blocks] == [[opens[1].value // 1000]]


def test_an_endless_integer_is_a_field_of_its_row_and_stops_nothing(bench: Bench) -> None:
    digits = "7" * 5000
    bench.write("a.csv", header() + row(0) + row(1, rsi=digits) + row(2))
    bench.ingest()
    assert bench.account() == (3, 3, 0, 0, 0)
    with bench.engine.connect() as connection:
        opens = logged_opens(connection, bench.bot_id)
        (block,) = read_vectors(connection, bench.bot_id, with_texts=True)
    assert len(opens) == 3
    assert block.texts[1]["rsi"] == digits


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"volume": -1.0}, "volume -1.0 is negative"),
        ({"low": 200.0, "high": 300.0}, "low 200.0 is above open"),
        ({"high": 1.0}, "high 1.0 is below open"),
        ({"open": 50.0}, "low .* is above open 50.0"),
        ({"close": 150.0}, "high .* is below close 150.0"),
    ],
)
@pytest.mark.parametrize("among", [0, 40])
def test_prices_that_no_candle_has_are_refused_alone_and_among_many(
    bench: Bench, changed: dict[str, float], detail: str, among: int
) -> None:
    bench.write(
        "a.csv", header() + rows(0, among) + row(among, OLD, **changed) + rows(among + 1, 60)
    )
    bench.ingest()
    assert bench.account() == (60, 59, 0, 1, 0)
    (line,) = content(bench.engine)["quarantine"]
    assert (line[1], line[3]) == (among + 2, "implausible")
    assert re.search(detail, line[4])


@pytest.mark.parametrize("odd", [b"\0", b"\r"])
def test_an_odd_byte_costs_its_own_line_alone_however_large_the_log(
    bench: Bench, odd: bytes
) -> None:
    bench.write("a.csv", header() + rows(0, 100))
    bench.ingest()
    more = bytearray(rows(100, 500).encode())
    at = more.index(row(300).encode()) + 20
    more[at:at] = odd
    bench.append("a.csv", bytes(more))
    bench.ingest()
    assert bench.account() == (500, 499, 0, 1, 0)
    assert [line[1] for line in content(bench.engine)["quarantine"]] == [302]
