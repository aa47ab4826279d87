from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.diagnosis.watch import Due, due_windows, keep_state
from core.settings import BotSettings
from core.storage.engine import migrate, writer_engine
from core.storage.tables import comparison, pair
from tests.databases import database_url

FIRST = datetime(2025, 11, 3, tzinfo=UTC)
BAR = timedelta(minutes=5)
BOT = BotSettings.model_validate(
    {"name": "bot", "backtests": [{"name": "b", "pipeline": "reference", "lookback_bars": 300}]}
)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = writer_engine(database_url(tmp_path / "align.db"))
    migrate(made)
    with made.begin() as connection:
        bot_id = ensure_bot(connection, "bot", "5m")
        connection.execute(
            comparison.insert().values(
                id=1,
                bot_id=bot_id,
                name="b",
                position=0,
                tolerance=0.1,
                spec={},
                is_configured=True,
            )
        )
    return made


def _add_pairs(engine: sa.Engine, first: int, count: int, diff: float) -> None:
    rows = [
        {
            "comparison_id": 1,
            "side": "LONG",
            "candle_open": FIRST + (first + number) * BAR,
            "production_origin": "emitted",
            "production": 0.5,
            "backtest": 0.5 - diff,
            "diff": diff,
            "abs_diff": abs(diff),
            "is_aligned": abs(diff) <= 0.1,
            "flip": False,
            "decision_flip": None,
        }
        for number in range(count)
    ]
    with engine.begin() as connection:
        connection.execute(pair.insert(), rows)


def _due(engine: sa.Engine) -> list[object]:
    with engine.connect() as connection:
        return list(due_windows(connection, 1, BOT))


def _keep(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for window in due_windows(connection, 1, BOT):
            keep_state(connection, 1, window)


def test_a_window_without_a_candle_is_none_to_diagnose() -> None:
    with pytest.raises(ValueError, match="is empty"):
        Due(comparison="c", from_=FIRST, until=FIRST, state={})


def test_aligned_windows_are_not_diagnosed(engine: sa.Engine) -> None:
    _add_pairs(engine, 0, 288, 0.01)
    assert _due(engine) == []


def test_a_window_above_its_tolerance_is_the_last_day_up_to_the_newest_pair(
    engine: sa.Engine,
) -> None:
    _add_pairs(engine, 0, 400, 0.2)
    with engine.connect() as connection:
        (window,) = due_windows(connection, 1, BOT)
    assert window.until == FIRST + 400 * BAR
    assert window.from_ == FIRST + 112 * BAR
    assert window.state["above"] == 288


def test_few_candles_above_the_tolerance_are_not_enough(engine: sa.Engine) -> None:
    _add_pairs(engine, 0, 200, 0.01)
    _add_pairs(engine, 200, 7, 0.3)
    assert _due(engine) == []
    _add_pairs(engine, 207, 1, 0.3)
    assert len(_due(engine)) == 1


def test_less_than_six_blocks_of_candles_are_not_diagnosed(engine: sa.Engine) -> None:
    _add_pairs(engine, 0, 71, 0.3)
    assert _due(engine) == []
    _add_pairs(engine, 71, 1, 0.3)
    assert len(_due(engine)) == 1


def test_old_differences_outside_the_last_day_are_not_enough(engine: sa.Engine) -> None:
    _add_pairs(engine, 0, 50, 0.3)
    _add_pairs(engine, 50, 281, 0.01)  # seven of the fifty lie in the last 288 candles
    assert _due(engine) == []


def test_a_comparison_without_pairs_has_no_window(engine: sa.Engine) -> None:
    assert _due(engine) == []


def test_unchanged_data_are_not_diagnosed_again(engine: sa.Engine) -> None:
    _add_pairs(engine, 0, 300, 0.2)
    _keep(engine)
    assert _due(engine) == []
    _add_pairs(engine, 300, 11, 0.2)
    assert _due(engine) == []
    _add_pairs(engine, 311, 1, 0.2)
    assert len(_due(engine)) == 1


def test_pairs_that_changed_are_diagnosed_again(engine: sa.Engine) -> None:
    _add_pairs(engine, 0, 300, 0.2)
    _keep(engine)
    with engine.begin() as connection:
        connection.execute(
            pair.update()
            .where(pair.c.candle_open == FIRST + 250 * BAR)
            .values(abs_diff=0.3, diff=0.3)
        )
    assert len(_due(engine)) == 1


def test_a_comparison_that_is_no_longer_configured_is_left_alone(engine: sa.Engine) -> None:
    _add_pairs(engine, 0, 300, 0.2)
    other = BOT.model_copy(update={"backtests": ()})
    with engine.connect() as connection:
        assert due_windows(connection, 1, other) == []
