import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from pandas.testing import assert_frame_equal

from core.candles.ingest import CandleReport, ingest_candles
from core.candles.reads import candle_sources, read_candles, read_revisions
from core.context import Context
from core.settings import BotSettings
from tests.candles.factories import make_candles, write_csv
from tests.real import REAL, needs_real

NOW = datetime(2025, 11, 10, tzinfo=UTC)


def bot_of(*paths: Path | str, **source: object) -> BotSettings:
    candles = [{"name": "files", "paths": [str(path) for path in paths], **source}]
    return BotSettings.model_validate({"name": "btc", "candles": candles})


def ingest(engine: sa.Engine, bot: BotSettings, now: datetime = NOW) -> CandleReport:
    return ingest_candles(Context(engine=engine, bot_id=1, bot=bot, now=now))


def stored(engine: sa.Engine, source: str = "files") -> pd.DataFrame:
    with engine.connect() as conn:
        return read_candles(conn, 1, source)


def revisions(engine: sa.Engine) -> pd.DataFrame:
    with engine.connect() as conn:
        return read_revisions(conn, 1, "files")


def test_candles_of_a_file_come_back_bit_for_bit(engine: sa.Engine, tmp_path: Path) -> None:
    candles = make_candles().assign(close=[100.1, 101.3, 102.30000000000001, 103.5, 104.7, 105.9])
    report = ingest(engine, bot_of(write_csv(tmp_path / "a.csv", candles)))
    assert report.problems == ()
    assert_frame_equal(stored(engine), candles, check_exact=True)


def test_second_ingest_reads_no_unchanged_file(engine: sa.Engine, tmp_path: Path) -> None:
    bot = bot_of(write_csv(tmp_path / "a.csv", make_candles()))
    assert ingest(engine, bot).sources[0].files_read == 1
    assert ingest(engine, bot).sources[0].files_read == 0
    assert len(stored(engine)) == 6


def test_unfinished_last_row_gives_way_to_the_finished_candle(
    engine: sa.Engine, tmp_path: Path
) -> None:
    finished = make_candles(8)
    early = finished.head(6).copy()
    early.loc[5, ["high", "close", "volume"]] = [105.2, 105.1, 3.0]
    bot = bot_of(tmp_path / "*.csv")
    write_csv(tmp_path / "pull_1.csv", early)
    ingest(engine, bot)
    write_csv(tmp_path / "pull_2.csv", finished)
    report = ingest(engine, bot)
    assert report.sources[0].stored.unfinished == 1
    assert_frame_equal(stored(engine), finished, check_exact=True)
    versions = revisions(engine)
    assert versions["origin"].tolist() == ["pull_1.csv", "pull_2.csv"]
    assert versions["is_unfinished"].tolist() == [True, False]
    assert versions["volume"].tolist() == [3.0, 15.0]


@pytest.mark.parametrize("names", [("1.csv", "2.csv"), ("2.csv", "1.csv")])
def test_finished_candle_is_current_in_whatever_order_the_pulls_come(
    engine: sa.Engine, tmp_path: Path, names: tuple[str, str]
) -> None:
    finished = make_candles(6)
    early = finished.copy()
    early.loc[5, ["high", "volume"]] = [105.6, 3.0]
    write_csv(tmp_path / names[0], early)
    write_csv(tmp_path / names[1], finished)
    ingest(engine, bot_of(tmp_path / "*.csv"))
    assert stored(engine)["volume"].iloc[5] == 15.0
    assert sorted(revisions(engine)["is_unfinished"]) == [False, True]


def test_contradicting_later_pull_is_current_and_both_are_kept(
    engine: sa.Engine, tmp_path: Path
) -> None:
    candles = make_candles()
    write_csv(tmp_path / "a.csv", candles)
    write_csv(tmp_path / "b.csv", candles.assign(close=candles["close"] - 0.25))
    bot = bot_of(tmp_path / "*.csv")
    ingest(engine, bot)
    (tmp_path / "a.csv").touch()
    ingest(engine, bot)
    assert stored(engine)["close"].tolist() == [value - 0.25 for value in candles["close"]]
    assert revisions(engine)["origin"].tolist() == ["a.csv", "b.csv"] * 6
    assert not revisions(engine)["is_unfinished"].any()


def test_candle_still_open_now_is_no_candle_yet(engine: sa.Engine, tmp_path: Path) -> None:
    bot = bot_of(write_csv(tmp_path / "a.csv", make_candles(6)))
    report = ingest(engine, bot, now=datetime(2025, 11, 3, 0, 29, 59, tzinfo=UTC))
    assert report.problems == ()
    assert len(stored(engine)) == 5
    assert revisions(engine)["is_unfinished"].tolist() == [True]
    (tmp_path / "a.csv").touch()
    ingest(engine, bot, now=NOW)
    assert len(stored(engine)) == 5  # that version was pulled too early and stays so
    write_csv(tmp_path / "b.csv", make_candles(6).assign(volume=99.0))
    ingest(engine, bot_of(tmp_path / "*.csv"), now=NOW)
    assert len(stored(engine)) == 6


def test_unreadable_file_is_a_problem_and_the_other_file_is_read(
    engine: sa.Engine, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("when,what\n1,2\n")
    write_csv(tmp_path / "b.csv", make_candles())
    bot = bot_of(tmp_path / "*.csv")
    for _ in range(2):  # the problem stays visible though the file is not read again
        report = ingest(engine, bot)
        assert "no time column found among when, what" in report.problems[0]
    assert len(stored(engine)) == 6
    with engine.connect() as conn:
        assert list(candle_sources(conn, 1)) == ["files"]


def test_a_pipe_and_a_name_that_is_not_utf_8_are_problems_and_the_other_file_is_read(
    engine: sa.Engine, tmp_path: Path
) -> None:
    write_csv(tmp_path / "good.csv", make_candles())
    os.mkfifo(tmp_path / "pipe.csv")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a_\xff.csv")).write_text("x")
    for _ in range(2):
        report = ingest(engine, bot_of(tmp_path / "*.csv"))
        assert len(stored(engine)) == 6
        assert report.problems == (
            f"{tmp_path}/a_\\xff.csv: its name is not UTF-8; rename it",
            f"{tmp_path}/pipe.csv: cannot be read: no regular file",
        )


@needs_real
def test_two_real_pulls_agree_but_for_the_unfinished_row(engine: sa.Engine) -> None:
    ingest(engine, bot_of(REAL / "candles" / "*.csv"))
    versions = revisions(engine)
    assert versions["candle_open"].unique().tolist() == [pd.Timestamp("2025-11-04T16:00:00Z")]
    assert versions["volume"].tolist() == [47.9899, 106.972]
    assert versions["is_unfinished"].tolist() == [True, False]
    candles = stored(engine).set_index("candle_open")
    assert candles.loc["2025-11-04T16:00:00Z", "close"] == 103269.4
