from datetime import UTC, datetime, timedelta

import pytest

from core.collection.freshness import FreshnessState, judge_freshness
from core.collection.level import Level, alignment_level, collection_level, freshness_level, overall
from core.times import Timeframe

FRAME = Timeframe.parse("5m")
NOW = datetime(2025, 11, 6, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("candle_min", "run_min", "state", "silent"),
    [
        (6, 1, FreshnessState.FRESH, 0),
        (11, 1, FreshnessState.FRESH, 1),
        (16, 1, FreshnessState.BOT_SILENT, 2),
        (6, 11, FreshnessState.COLLECTOR_STOPPED, 0),
        (600, 600, FreshnessState.COLLECTOR_STOPPED, 119),
    ],
)
def test_freshness_tells_a_silent_bot_from_a_stopped_collector(
    candle_min: int, run_min: int, state: FreshnessState, silent: int
) -> None:
    found = judge_freshness(
        now=NOW,
        last_candle=FRAME.floor(NOW - timedelta(minutes=candle_min)),
        last_run=NOW - timedelta(minutes=run_min),
        timeframe=FRAME,
    )
    assert (found.state, found.silent_bars) == (state, silent)
    assert found.is_stale == (state is not FreshnessState.FRESH)
    assert (freshness_level(found) is Level.GOOD) == (state is FreshnessState.FRESH)


def test_nothing_stored_is_never_collected_not_stale() -> None:
    found = judge_freshness(now=NOW, last_candle=None, last_run=NOW, timeframe=FRAME)
    assert found.state is FreshnessState.NEVER
    assert freshness_level(found) is Level.UNKNOWN


@pytest.mark.parametrize(
    ("ratio", "level"),
    [
        (None, Level.UNKNOWN),
        (1.0, Level.GOOD),
        (0.99, Level.GOOD),
        (0.98, Level.ATTENTION),
        (0.94, Level.BAD),
    ],
)
def test_logging_is_judged_by_its_target(ratio: float | None, level: Level) -> None:
    assert collection_level(ratio, 0.99) is level


def test_agreement_is_judged_by_its_share_of_candles() -> None:
    assert alignment_level(0, 0) is Level.UNKNOWN
    assert alignment_level(1000, 0) is Level.GOOD
    assert alignment_level(1000, 10) is Level.ATTENTION
    assert alignment_level(1000, 11) is Level.BAD


def test_stale_comes_before_everything_else() -> None:
    assert overall([Level.GOOD, Level.BAD, Level.STALE]) is Level.STALE
    assert overall([Level.GOOD, Level.GOOD]) is Level.GOOD
    assert overall([]) is Level.UNKNOWN
