"""Imported features of a real bot go through the same comparison as recomputed ones."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from core.feature_log.ingest import ingest_feature_logs
from core.rerun.feature_report import compare_stored, compare_stored_candle
from core.rerun.imported import import_backtest
from core.settings import BotSettings
from core.storage.engine import migrate, writer_engine
from core.storage.writes.bots import ensure_bot
from tests.real import REAL, needs_real

NOW = datetime(2025, 11, 8, tzinfo=UTC)


@needs_real
def test_imported_features_are_compared_with_the_log(tmp_path: Path) -> None:
    logs = [str(REAL / "feature_logs" / place / "*.csv") for place in ("main", "other_cwd")]
    backtest = {
        "name": "real-500",
        "signals": str(REAL / "recomputed" / "signals_500.csv"),
        "features": str(REAL / "recomputed" / "features_500.csv"),
    }
    bot = BotSettings.model_validate(
        {"name": "btc", "feature_log": {"paths": logs}, "backtests": [backtest]}
    )
    assert bot.feature_log is not None
    engine = writer_engine(f"sqlite:///{tmp_path}/align.db")
    migrate(engine)
    with engine.begin() as conn:
        bot_id = ensure_bot(conn, "btc", "5m")
    ingest_feature_logs(engine, bot_id, bot.frame, bot.feature_log, now=NOW)
    import_backtest(engine, bot_id, bot.backtests[0], bot.frame, now=NOW, run_id=None)
    with engine.connect() as conn:
        result = compare_stored(conn, bot_id, "real-500")
        candle = result.per_candle["candle_open"].iloc[0]
        rows = compare_stored_candle(conn, bot_id, "real-500", candle.to_pydatetime())
        absent = compare_stored_candle(conn, bot_id, "real-500", pd.Timestamp(NOW).to_pydatetime())
    engine.dispose()
    features = result.features.set_index("feature")
    assert result.candles == 160
    assert features.loc["close", "equal_ratio"] == 1.0
    # 500 candles are not the 999 that this bot saw: recursive features differ.
    assert features.loc["close_change_1", ["different", "nan_logged"]].tolist() == [0, 0]
    assert features["different"].max() == 160
    assert rows is not None
    assert len(rows) < len(features)  # the log had fewer columns when it began
    assert set(rows["feature"]) <= set(features.index)
    assert rows["match"].iloc[0] == "different"
    assert absent is None


@pytest.mark.parametrize("name", ["nothing"])
def test_unknown_backtest_has_nothing_to_compare(tmp_path: Path, name: str) -> None:
    engine = writer_engine(f"sqlite:///{tmp_path}/align.db")
    migrate(engine)
    with engine.begin() as conn:
        bot_id = ensure_bot(conn, "btc", "5m")
        result = compare_stored(conn, bot_id, name)
    engine.dispose()
    assert result.candles == 0
    assert result.features.empty
