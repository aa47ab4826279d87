"""One battery for every noun whose files are followed: what becomes of a log that changes."""

import gzip
import os
import random
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.context import Context
from core.feature_log.reads import ingestion_account, read_vectors
from core.market import Origin
from core.settings import BotSettings
from core.signal_log.ingest import ingest_signal_logs
from core.signals.reads import read_series, signals_account
from core.times import from_us, iso_z, to_us
from tests.feature_log.world import FIRST_MS, FRAME, NOW, STEP_MS, Bench, header, row


class Followed(Protocol):
    """A noun's log in a folder, and what is known of it."""

    folder: Path
    head: str
    engine: sa.Engine

    def line(self, bar: int, value: float) -> str: ...
    def read(self, pattern: str = "*.csv*") -> Any: ...
    def lines(self) -> int: ...
    def counting(self) -> dict[int, float]: ...


class Features:
    """Feature logs; what counts is a candle's stored row."""

    head = header()

    def __init__(self, folder: Path, database: str = "align.db") -> None:
        self.folder = folder
        self.bench = Bench(folder, database=database)
        self.engine = self.bench.engine

    def line(self, bar: int, value: float) -> str:
        return row(bar, rsi=value)

    def read(self, pattern: str = "*.csv*") -> Any:
        self.bench.settings["paths"] = (str(self.folder / pattern),)
        return self.bench.ingest()

    def lines(self) -> int:
        with self.engine.connect() as connection:
            return ingestion_account(connection, self.bench.bot_id)["lines"]

    def counting(self) -> dict[int, float]:
        with self.engine.connect() as connection:
            blocks = list(read_vectors(connection, self.bench.bot_id))
        return {
            _bar(opened): value
            for block in blocks
            for opened, value in zip(
                block.candle_opens.tolist(),
                block.matrix[:, block.columns.index("rsi")].tolist(),
                strict=True,
            )
        }


class Signals:
    """Signal logs; what counts is a candle's emitted signal."""

    head = "timestamp,long\n"

    def __init__(self, folder: Path, database: str = "align.db") -> None:
        self.folder = folder
        bench = Bench(folder, database=database)
        self.engine, self.bot_id = bench.engine, bench.bot_id

    def line(self, bar: int, value: float) -> str:
        return f"{iso_z(from_us((FIRST_MS + bar * STEP_MS) * 1000))},{value}\n"

    def read(self, pattern: str = "*.csv*") -> Any:
        log = {"name": "s", "paths": str(self.folder / pattern), "format": "csv"}
        bot = BotSettings.model_validate(
            {"name": "bot", "timeframe": FRAME.text, "signal_log": [log]}
        )
        return ingest_signal_logs(Context(engine=self.engine, bot_id=self.bot_id, bot=bot, now=NOW))

    def lines(self) -> int:
        with self.engine.connect() as connection:
            return signals_account(connection, self.bot_id)["lines"]

    def counting(self) -> dict[int, float]:
        with self.engine.connect() as connection:
            found = read_series(connection, self.bot_id, Origin.EMITTED)
        opens = [_bar(to_us(opened.to_pydatetime())) for opened in found["candle_open"]]
        return dict(zip(opens, found["probability"].tolist(), strict=True))


def _bar(opened_us: int) -> int:
    return (opened_us // 1000 - FIRST_MS) // STEP_MS


@pytest.fixture(params=[Features, Signals], ids=["features", "signals"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Followed]:
    followed: Followed = request.param(tmp_path)
    yield followed
    followed.engine.dispose()


def write(log: Followed, name: str, *bars: int, value: float = 0.5) -> Path:
    path = log.folder / name
    path.write_text(log.head + "".join(log.line(bar, value) for bar in bars))
    return path


def append(log: Followed, path: Path, *bars: int, value: float = 0.5) -> None:
    with path.open("a") as file:
        file.writelines(log.line(bar, value) for bar in bars)


def test_a_log_that_grows_is_read_on(log: Followed) -> None:
    path = write(log, "a.csv", 0, 1)
    assert log.read().lines == 2
    append(log, path, 2)
    report = log.read()
    assert (report.lines, report.files) == (1, 1)
    assert log.read().lines == 0
    assert set(log.counting()) == {0, 1, 2}


def test_a_rotated_log_keeps_its_account_and_its_oldest_file_may_go(log: Followed) -> None:
    new, old = write(log, "f.csv", 0, 1), log.folder / "f.csv.1"
    log.read()
    for bar in (2, 3, 4):
        append(log, new, 10 * bar)
        os.replace(new, old)  # the one before it is gone
        write(log, "f.csv", bar)
        assert log.read().lines == 2
    assert log.lines() == 8
    assert set(log.counting()) == {0, 1, 2, 3, 4, 20, 30, 40}


def test_a_log_copied_away_and_begun_anew_is_not_counted_twice(log: Followed) -> None:
    path = write(log, "f.csv", 0, 1, 2)
    log.read()
    shutil.copy(path, log.folder / "f.csv.1")
    write(log, "f.csv", 3)
    log.read()
    assert log.lines() == 4


def test_a_log_that_is_packed_after_rotation_keeps_its_account(log: Followed) -> None:
    path = write(log, "f.csv", 0, 1)
    log.read()
    (log.folder / "f.csv.1.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert log.read().lines == 0
    with (log.folder / "f.csv.1.gz").open("ab") as file:
        file.write(gzip.compress(log.line(2, 0.5).encode()))
    assert log.read().lines == 1
    assert log.lines() == 3


def test_logs_that_begin_alike_are_told_apart_by_the_longer_one(log: Followed) -> None:
    short, long = write(log, "a.csv", 0), write(log, "b.csv", 0, 1)
    log.read()
    os.replace(short, log.folder / "y.csv")
    os.replace(long, log.folder / "x.csv")
    assert log.read().lines == 0
    assert log.lines() == 3


def test_a_log_of_another_content_and_the_same_size_is_read_again(log: Followed) -> None:
    path = write(log, "a.csv", 0, 1, 2, value=0.25)
    log.read()
    size = path.stat().st_size
    write(log, "a.csv", 0, 1, 2, value=0.75)
    assert path.stat().st_size == size
    assert log.read().lines == 3
    assert log.counting() == {0: 0.25, 1: 0.25, 2: 0.25}


@pytest.mark.parametrize("block", [1, 2])
def test_another_file_that_differs_in_the_middle_of_a_large_log_is_noticed(
    log: Followed, block: int
) -> None:
    filler = [f"{'x' * 999_000}\n"] * 20
    path = log.folder / "a.csv"
    path.write_text(log.head + "".join(filler))
    log.read()
    filler[4 * block + 1] = log.line(7, 0.5) + "y" * (999_000 - len(log.line(7, 0.5))) + "\n"
    other = log.folder / "other"
    other.write_text(log.head + "".join(filler))
    assert other.stat().st_size == path.stat().st_size
    os.replace(other, path)
    log.read()
    assert set(log.counting()) == {7}


def test_a_log_that_is_cut_back_loses_nothing_and_grows_again(log: Followed) -> None:
    path = write(log, "a.csv", 0, 1, 2)
    log.read()
    write(log, "a.csv", 0)
    assert log.read().lines == 0
    append(log, path, 1, 5)
    assert log.read().lines == 1
    path.write_text("")
    assert log.read().lines == 0
    write(log, "a.csv", 6)
    assert log.read().lines == 1
    assert set(log.counting()) == {0, 1, 2, 5, 6}
    assert log.lines() == 5


def test_of_two_contents_of_one_file_the_older_comes_first(log: Followed) -> None:
    write(log, "a.csv", 9, 8, 0, value=0.25)
    log.read()
    write(log, "a.csv", 0, value=0.75)
    log.read()
    assert log.counting()[0] == 0.25
    write(log, "a.csv", 8, 0, value=0.75)
    log.read()
    assert log.counting() == {0: 0.25, 8: 0.25, 9: 0.25}


def test_a_rename_that_changes_the_order_changes_which_line_counts(log: Followed) -> None:
    write(log, "b.csv", 0, value=0.25)
    path = write(log, "c.csv", 0, 1, value=0.75)
    log.read()
    os.replace(path, log.folder / "a.csv")
    log.read()
    assert log.counting() == {0: 0.75, 1: 0.75}


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(log: Followed) -> None:
    write(log, "log[1].csv", 0)
    report = log.read("log[1].csv")
    assert (report.lines, report.problems) == (1, ())


def test_a_name_that_is_not_utf_8_keeps_no_other_file_from_being_read(log: Followed) -> None:
    write(log, "b.csv", 0, 1)
    path = Path(os.fsdecode(os.fsencode(log.folder) + b"/a_\xff.csv"))
    path.write_text(log.head + log.line(2, 0.5))
    report = log.read()
    assert report.problems == (f"{log.folder}/a_\\xff.csv: its name is not UTF-8; rename it",)
    assert log.lines() == 2


def test_a_file_with_two_names_is_read_once(log: Followed) -> None:
    path = write(log, "a.csv", 0)
    (log.folder / "link.csv").symlink_to(path)
    assert log.read().lines == 1


def test_a_pattern_without_a_file_names_the_setting_to_check(log: Followed) -> None:
    for pattern, words in (("no*.csv", "no file matches"), ("no.csv", "no such file")):
        (problem,) = log.read(pattern).problems
        assert words in problem and "check paths under [" in problem


def test_a_log_that_cannot_be_read_keeps_its_account_and_no_other_from_being_read(
    log: Followed,
) -> None:
    packed = gzip.compress((log.head + "".join(log.line(bar, 0.5) for bar in range(99))).encode())
    path = log.folder / "a.csv.gz"
    path.write_bytes(packed)
    log.read()
    path.write_bytes(packed[:40] + b"\xff" * 40 + packed[80:])
    write(log, "b.csv", 100)
    (problem,) = log.read().problems
    assert problem.count(str(path)) == 1 and "damaged gzip data" in problem
    assert log.lines() == 100
    path.write_bytes(packed)
    assert log.read().problems == ()
    assert log.lines() == 100


@settings(
    max_examples=15,
    deadline=timedelta(seconds=30),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6))
@pytest.mark.parametrize("noun", [Features, Signals])
def test_growing_renaming_and_packing_in_any_order_end_in_what_counts_at_once(
    tmp_path_factory: pytest.TempPathFactory, noun: type[Followed], seed: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("follow")
    log: Followed = noun(folder)  # type: ignore[call-arg]  # both nouns take it
    write(log, "0.csv", 0)  # each begins otherwise, as logs do
    for bar in range(1, 12):
        names = sorted(path.name for path in folder.glob("*.csv*"))
        path = folder / chance.choice(names)
        what = chance.choice(("grow", "grow", "new", "rename", "pack"))
        if what == "grow" and path.suffix == ".csv":
            append(log, path, chance.randrange(bar), value=bar / 16)
        elif what == "new":
            write(log, f"{chance.random()}.csv", 100 + bar, chance.randrange(bar), value=bar / 16)
        elif what == "rename":
            os.replace(path, folder / f"{chance.random()}{''.join(path.suffixes[-2:])[-7:]}")
        elif what == "pack" and path.suffix == ".csv":
            (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
        if chance.random() < 0.7:
            log.read()
    log.read()
    at_once: Followed = noun(folder, "at_once.db")  # type: ignore[call-arg]  # as above
    at_once.read()
    assert log.counting() == at_once.counting()
    assert log.lines() == at_once.lines()
    log.engine.dispose()
    at_once.engine.dispose()
