"""The bot's own candles show that a file's last row was pulled too early."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from core.candles.ingest import ingest_candles
from core.candles.reads import read_candles, read_revisions
from core.context import Context
from core.settings import BotSettings
from core.storage.tables import feature_row, layout, log_file
from tests.candles.factories import make_candles, write_csv

NOW = datetime(2025, 11, 10, tzinfo=UTC)


def log_candle(engine: sa.Engine, row: pd.Series, **changes: Any) -> None:
    """The bot logged this candle."""
    with engine.begin() as conn:
        layout_id = conn.execute(
            sa.insert(layout)
            .values(bot_id=1, kind="feature_log", hash="h", columns=[])
            .returning(layout.c.id)
        ).scalar_one()
        file_id = conn.execute(
            sa.insert(log_file)
            .values(bot_id=1, log="feature_log", path="log.csv", offset=0, line=0, state={})
            .returning(log_file.c.id)
        ).scalar_one()
        values = {
            **row.drop("candle_open").to_dict(),
            "bot_id": 1,
            "candle_open": row["candle_open"].to_pydatetime(),
            "layout_id": layout_id,
            "file_id": file_id,
            "vector": b"",
            "line": 1,
            "offset": 0,
            "length": 1,
            "row_hash": b"",
            "is_recovered": False,
        }
        conn.execute(sa.insert(feature_row).values({**values, **changes}))


@pytest.mark.parametrize(
    ("logged", "kept"),
    [
        ({"volume": 30.0, "high": 110.0}, 5),  # the same open, more volume, a higher high
        ({}, 6),  # the same candle
        ({"volume": 9.0}, 6),  # less volume: another market's candle, or a log that is wrong
        ({"volume": 30.0, "high": 105.5}, 6),  # the file's high is not enclosed
    ],
)
def test_unfinished_last_row_is_taken_back(
    engine: sa.Engine, tmp_path: Path, logged: dict[str, float], kept: int
) -> None:
    candles = make_candles()
    log_candle(engine, candles.iloc[5], **logged)
    path = write_csv(tmp_path / "a.csv", candles)
    bot = BotSettings.model_validate(
        {"name": "btc", "candles": [{"name": "files", "paths": [str(path)]}]}
    )
    for _ in range(2):
        ingest_candles(Context(engine=engine, bot_id=1, bot=bot, now=NOW))
        path.touch()  # read again: what was taken back stays so
        with engine.connect() as conn:
            assert len(read_candles(conn, 1, "files")) == kept
            assert read_revisions(conn, 1, "files")["is_unfinished"].tolist() == [True] * (6 - kept)
