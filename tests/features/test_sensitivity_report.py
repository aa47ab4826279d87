"""The ladder over what a bot logged: its true lookback is found, kept and made anew in time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.context import Context
from core.errors import ConfigError
from core.features.sensitivity_report import refresh_sensitivity, sensitivity_of
from core.recompute.reads import read_sensitivity
from core.recompute.worker_pool import WorkerPool
from core.settings import BotSettings
from core.times import us_from_index
from tests.recompute.recompute_world import FEATURES, NOW, World, make_world
from tests.stored_rows import store_rows

TRUE = 40
LOGGED = range(80, 120)


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, time_limit_s=30)
    yield pool
    pool.kill()


@pytest.fixture
def world(tmp_path: Path, pool: WorkerPool) -> Iterator[World]:
    """A bot that logged the features of its last 40 candles, each over 40 candles."""
    world = make_world(tmp_path, executor=pool)
    windows = [world.candles["close"].iloc[at - TRUE + 1 : at + 1] for at in LOGGED]
    means = [close.rolling(20).mean().iloc[-1] for close in windows]
    averages = [close.ewm(span=20).mean().iloc[-1] for close in windows]
    matrix = np.column_stack([means, averages])
    opens = us_from_index(world.candles["candle_open"].iloc[list(LOGGED)])
    half = len(opens) // 2
    store_rows(world.engine, 1, FEATURES, opens[:half], matrix[:half])
    more = np.column_stack([matrix[half:], np.ones(len(opens) - half)])
    store_rows(world.engine, 1, (*FEATURES, "later"), opens[half:], more)  # a column came
    yield world
    world.engine.dispose()


def configured(world: World, **changes: Any) -> BotSettings:
    spec = {"name": "again", "pipeline": f"{world.module}:compute", "lookback_bars": TRUE}
    return world.bot(backtests=[{**spec, **changes}])


def context_of(world: World, bot: BotSettings, now: datetime = NOW) -> Context:
    return Context(engine=world.engine, bot_id=1, bot=bot, now=now)


def test_the_lookback_that_the_bot_used_matches_and_no_other(world: World) -> None:
    bot = configured(world)
    report = sensitivity_of(
        context_of(world, bot), bot.backtests[0], size=5, executor=world.executor,
        ladder=(20, TRUE, 60),
    )  # fmt: skip
    assert report.ladder == (20, TRUE, 60)
    assert report.true_lookback == TRUE
    found = report.features.set_index("feature")
    assert set(found.index) == set(FEATURES)  # "later" is not in every layout
    assert list(found.loc["sma_20"][["smallest_match", "stays"]]) == [20, True]
    assert list(found.loc["ema_20"][["smallest_match", "stays"]]) == [TRUE, False]
    assert len(report.sample) == 5


def test_an_imported_backtest_has_no_ladder(world: World) -> None:
    bot = world.bot(backtests=[{"name": "theirs", "signals": "theirs.csv"}])
    with pytest.raises(ConfigError, match='"theirs" is imported'):
        sensitivity_of(context_of(world, bot), bot.backtests[0])


def test_a_kept_report_stands_for_a_day_unless_what_it_rests_on_changes(world: World) -> None:
    bot = configured(world)

    def refresh(bot: BotSettings, hours: float = 0) -> dict[str, Any] | None:
        return refresh_sensitivity(
            context_of(world, bot, NOW + timedelta(hours=hours)), bot.backtests[0], budget_s=60,
            executor=world.executor,
        )  # fmt: skip

    first = refresh(bot)
    assert first is not None
    assert first["is_whole"]
    assert first["report"]["ladder"] == [20, 40, 80]  # half, whole and twice: a slow pipeline
    assert first["report"]["true_lookback"] == TRUE
    assert len(first["report"]["sample"]) == 6
    with world.engine.connect() as connection:
        assert read_sensitivity(connection, 1, "again") == first
    assert refresh(bot, hours=23) is None
    other = refresh(configured(world, lookback_bars=30), hours=23)
    assert other is not None
    assert other["report"]["ladder"] == [15, 30, 60]
    assert other["report"]["true_lookback"] is None
    assert refresh(configured(world, lookback_bars=30), hours=48) is not None


def test_a_ladder_that_the_budget_cuts_off_goes_on_later(world: World) -> None:
    bot = configured(world)
    arguments: dict[str, Any] = {"executor": world.executor}
    begun = refresh_sensitivity(context_of(world, bot), bot.backtests[0], budget_s=0.0, **arguments)
    assert begun is not None
    assert not begun["is_whole"]
    later = NOW + timedelta(minutes=5)
    done = refresh_sensitivity(
        context_of(world, bot, later), bot.backtests[0], budget_s=60, **arguments
    )
    assert done is not None
    assert done["is_whole"]
    assert done["made_at"] == begun["made_at"]
    assert done["report"]["true_lookback"] == TRUE


def test_without_a_logged_candle_nothing_is_known(tmp_path: Path, pool: WorkerPool) -> None:
    world = make_world(tmp_path, bars=60, executor=pool)
    bot = configured(world)
    report = sensitivity_of(context_of(world, bot), bot.backtests[0], executor=world.executor)
    world.engine.dispose()
    assert (report.ladder, len(report.sample), report.true_lookback) == ((), 0, None)
