from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.health import is_late, main
from collector.jobs import open_database
from core.bots import ensure_bot
from core.settings import BotSettings
from core.storage.runs import recorded_run
from tests.databases import database_url

NOW = datetime(2025, 11, 3, tzinfo=UTC)
BOT = BotSettings(name="b")


def test_a_bot_is_late_when_no_step_succeeded_within_two_candles_and_some_slack(
    tmp_path: Path,
) -> None:
    engine = open_database(database_url(tmp_path / "align.db"))
    with engine.begin() as connection:
        number = ensure_bot(connection, "b", "5m")
        assert is_late(connection, BOT, NOW)
    with recorded_run(engine, number, "pair", NOW):
        pass
    with recorded_run(engine, number, "pair", NOW + timedelta(minutes=20)):
        raise OSError("the disk is gone")
    with engine.connect() as connection:
        assert not is_late(connection, BOT, NOW + timedelta(minutes=24))
        assert is_late(connection, BOT, NOW + timedelta(minutes=26))


def test_a_missing_database_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "align.toml"
    config.write_text('[[bots]]\nname = "b"\n')
    monkeypatch.setenv("ALIGN_CONFIG", str(config))
    assert main() == 1
    assert "no database yet" in capsys.readouterr().err
