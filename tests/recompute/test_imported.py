from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.context import Context
from core.errors import LogFormatError
from core.market import Origin
from core.recompute.imported import ImportReport, import_backtest
from core.settings import BacktestSettings, BotSettings
from core.signals.reads import read_series
from core.storage.engine import migrate, writer_engine
from core.storage.tables import backtest_row, layout
from core.times import Timeframe
from tests.databases import database_url
from tests.real import REAL, needs_real

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIVE = Timeframe.parse("5m")


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    engine = writer_engine(database_url(tmp_path / "align.db"))
    migrate(engine)
    return engine


@pytest.fixture
def bot_id(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return ensure_bot(connection, "btc", "5m")


def run_import(engine: sa.Engine, bot_id: int, signals: Path, **more: object) -> ImportReport:
    named = {"name": "research", "signals": str(signals), **more}
    backtest = BacktestSettings.model_validate(named)
    bot = BotSettings(name="btc", backtests=(backtest,))
    return import_backtest(Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW), backtest)


def stored(engine: sa.Engine, bot_id: int) -> pd.DataFrame:
    with engine.connect() as connection:
        return read_series(connection, bot_id, Origin.BACKTEST, "research")


def test_signals_come_back_with_candle_side_and_price(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    file = tmp_path / "s.csv"
    file.write_text("timestamp,price,long,short\n2025-11-03 04:45:00,107770.2,0.87674487,0.1\n")
    report = run_import(engine, bot_id, file)
    rows = stored(engine, bot_id)
    assert report.signals == 2
    assert rows["candle_open"].tolist() == [pd.Timestamp("2025-11-03 04:45Z")] * 2
    assert rows["side"].tolist() == ["LONG", "SHORT"]
    assert rows["probability"].tolist() == [0.87674487, 0.1]
    assert rows["price"].tolist() == [107770.2, 107770.2]
    assert rows["price_step"].tolist() == [0.1, 0.1]


def test_bad_lines_are_named_and_counted_and_the_rest_is_kept(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    file = tmp_path / "s.csv"
    file.write_text(
        "timestamp,long,short\n"
        "2025-11-03 04:45:00,0.5,0.1\n"
        "2025-11-03 04:50:00,1.3,0.1\n"
        "2025-11-03 04:51:00,0.5,0.1\n"
        "yesterday,0.5,0.1\n"
        "2025-11-03 04:55:00,0.5\n"
        "2025-11-03 04:45:00,0.6,0.1\n"
        "\n"
        "2025-11-03 05:00:00,,0.25\n"
        "2025-11-03 05:05:00,,\n"
    )
    report = run_import(engine, bot_id, file)
    assert report.signals == 3
    assert report.bad_lines == 6
    assert report.problems == (
        f"{file}:3: probability 1.3 outside 0..1",
        f"{file}:4: time 2025-11-03 04:51:00 is no candle open of 5m",
        f'{file}:5: time "yesterday" cannot be read',
        f"{file}:6: 2 fields, the header has 3",
        f"{file}:7: candle 2025-11-03 04:45:00 stands here a second time; its first row counts",
        f"{file}:10: neither a LONG nor a SHORT probability",
    )
    assert stored(engine, bot_id)["probability"].tolist() == [0.5, 0.1, 0.25]


def test_importing_again_changes_nothing_and_a_changed_file_replaces_its_rows(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    file = tmp_path / "s.csv"
    file.write_text("timestamp,long\n2025-11-03 04:45:00,0.5\n2025-11-03 04:50:00,0.6\nbad,0.5\n")
    first = run_import(engine, bot_id, file)
    again = run_import(engine, bot_id, file)
    assert not first.is_unchanged
    assert again.is_unchanged
    assert (first.signals, first.bad_lines) == (2, 1)
    assert (again.signals, again.bad_lines, again.problems) == (0, 0, ())
    file.write_text("timestamp,long\n2025-11-03 04:50:00,0.7\n2025-11-03 04:55:00,0.8\n")
    changed = run_import(engine, bot_id, file)
    assert changed.removed == 1
    assert stored(engine, bot_id)["probability"].tolist() == [0.7, 0.8]


def test_another_zone_moves_the_candles(engine: sa.Engine, bot_id: int, tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text("t,long\n2025-11-03 09:00:00,0.5\n")
    run_import(engine, bot_id, file, candle_open="t")
    run_import(engine, bot_id, file, candle_open="t", zone="Asia/Seoul")
    assert stored(engine, bot_id)["candle_open"].tolist() == [pd.Timestamp("2025-11-03T00:00Z")]


def test_missing_file_and_missing_columns_say_what_to_do(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    file = tmp_path / "s.csv"
    with pytest.raises(LogFormatError, match=r"s\.csv: cannot be read"):
        run_import(engine, bot_id, file)
    file.write_text("time,long\n2025-11-03 09:00:00,0.5\n")
    with pytest.raises(LogFormatError, match='no column "timestamp"; set candle_open'):
        run_import(engine, bot_id, file)
    file.write_text("timestamp,probability\n2025-11-03 09:00:00,0.5\n")
    with pytest.raises(LogFormatError, match='no column "long" or "short"'):
        run_import(engine, bot_id, file)
    file.write_text("")
    with pytest.raises(LogFormatError, match="is empty"):
        run_import(engine, bot_id, file)


def test_features_are_stored_bit_for_bit_without_text_columns(
    engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    signals, features = tmp_path / "s.csv", tmp_path / "f.csv"
    signals.write_text("timestamp,long\n2025-11-03 04:45:00,0.5\n")
    features.write_text(
        "timestamp,regime,rsi,is_up,gap\n"
        "2025-11-03 04:45:00,bull,37.30599511725993,True,\n"
        "2025-11-03 04:50:00,bear,-0.0,False,nan\n"
        "2025-11-03 04:55:00,bear,abc,False,1\n"
    )
    report = run_import(engine, bot_id, signals, features=str(features))
    assert report.feature_rows == 2
    assert report.problems == (f'{features}:4: feature rsi is "abc", which is no number',)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(layout.c.columns)) == ["rsi", "is_up", "gap"]
        vectors = connection.scalars(
            sa.select(backtest_row.c.vector).order_by(backtest_row.c.candle_open)
        ).all()
    expected = [[37.30599511725993, 1.0, np.nan], [-0.0, 0.0, np.nan]]
    assert list(vectors) == [np.array(one).tobytes() for one in expected]


@pytest.mark.parametrize("text", ["1_0", "１２"])
def test_a_feature_is_a_number_by_the_grammar_of_every_file(
    text: str, engine: sa.Engine, bot_id: int, tmp_path: Path
) -> None:
    signals, features = tmp_path / "s.csv", tmp_path / "f.csv"
    signals.write_text("timestamp,long\n2025-11-03 04:45:00,0.5\n")
    rows = f"2025-11-03 04:45:00,1\n2025-11-03 04:50:00,{text}\n"
    features.write_text(f"timestamp,rsi\n{rows}", encoding="utf-8")
    report = run_import(engine, bot_id, signals, features=str(features))
    assert report.feature_rows == 1
    assert report.problems == (f'{features}:3: feature rsi is "{text}", which is no number',)


@needs_real
def test_real_exports_are_read_whole(engine: sa.Engine, bot_id: int) -> None:
    folder = REAL / "recomputed"
    report = run_import(
        engine, bot_id, folder / "signals_500.csv", features=str(folder / "features_500.csv")
    )
    assert (report.signals, report.feature_rows, report.bad_lines) == (320, 160, 0)
