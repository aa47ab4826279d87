"""A pipeline outside this project goes through all of the recomputation."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from core.side import Origin
from core.storage.reads.recompute import read_backtest_rows, read_coverage
from core.storage.reads.signals import absences, read_series
from tests.rerun.recompute_world import World, make_candles, make_world, write_pipeline


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path)
    yield world
    world.engine.dispose()


def rows(world: World, name: str = "again") -> pd.DataFrame:
    with world.engine.connect() as conn:
        blocks = [block.features for block in read_backtest_rows(conn, 1, name)]
    return pd.concat(blocks) if blocks else pd.DataFrame()


def signals(world: World) -> pd.DataFrame:
    with world.engine.connect() as conn:
        return read_series(conn, 1, Origin.BACKTEST, "again")


def reasons(world: World) -> dict[str, int]:
    with world.engine.connect() as conn:
        return absences(conn, 1, Origin.BACKTEST, "again")["reason"].value_counts().to_dict()


def test_each_window_is_the_last_row_of_its_own_frame(world: World) -> None:
    report = world.recompute()
    assert (report.computed, report.coverage.covered, report.coverage.wanted) == (81, 81, 120)
    assert report.coverage.absent == {"too_little_history": 39}
    close = world.candles["close"]
    stored = rows(world)
    for i in (39, 77, 119):
        window = close.iloc[i - 39 : i + 1].reset_index(drop=True)
        at = world.candles["candle_open"].iloc[i]
        assert stored.loc[at, "sma_20"] == window.rolling(20).mean().iloc[-1]
        assert stored.loc[at, "ema_20"] == window.ewm(span=20).mean().iloc[-1]
    assert len(signals(world)) == 162


def test_second_cycle_computes_nothing(world: World) -> None:
    world.recompute()
    before = signals(world)
    report = world.recompute()
    assert (report.computed, report.without_row, report.removed, report.signals) == (0, 0, 0, 0)
    assert_frame_equal(signals(world), before)


def test_revised_candle_recomputes_exactly_the_windows_that_hold_it(world: World) -> None:
    world.recompute()
    revised = world.candles.iloc[[100]].assign(close=world.candles["open"].iloc[100])
    world.store(revised, origin="later pull")
    assert world.recompute().computed == 20  # candles 100 … 119


def test_new_candle_recomputes_one_window(world: World) -> None:
    world.recompute()
    world.store(make_candles(121))
    assert world.recompute().computed == 1


def test_changed_pipeline_is_another_pipeline(world: World) -> None:
    first = world.recompute()
    write_pipeline(world.folder / "bot", "from my_features_2 import compute\n")
    write_pipeline(
        world.folder / "bot",
        """
        def compute(candles):
            return candles.assign(sma_20=candles["close"], ema_20=candles["close"])
        """,
        "my_features_2",
    )
    second = world.recompute()
    assert second.pipeline["hash"] != first.pipeline["hash"]
    assert (second.removed, second.computed) == (120, 81)
    assert rows(world)["sma_20"].tolist() == world.candles["close"].iloc[39:].tolist()


def test_frame_mode_gives_a_day_one_frame_and_is_provisional_until_it_closes(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path, bars=288 + 100)
    report = world.recompute(mode="frame", now=pd.Timestamp("2025-11-04T08:20Z").to_pydatetime())
    assert report.coverage.absent == {"too_little_history": 288}
    assert (report.coverage.covered, report.coverage.provisional) == (100, 100)
    close = world.candles["close"].iloc[288 - 39 :].reset_index(drop=True)
    expected = close.ewm(span=20).mean().iloc[39:]
    assert rows(world)["ema_20"].tolist() == expected.tolist()
    later = world.recompute(mode="frame", now=pd.Timestamp("2025-11-05T00:00Z").to_pydatetime())
    assert (later.coverage.covered, later.coverage.provisional) == (100, 0)
    world.engine.dispose()


def test_gap_inside_a_window_is_refused_or_counted(tmp_path: Path) -> None:
    world = make_world(tmp_path, bars=0)
    world.store(make_candles().drop(index=[60, 61]))
    report = world.recompute()
    assert report.coverage.absent == {"too_little_history": 39, "gap": 39}
    assert report.coverage.covered == 40
    allowed = world.recompute(gap_policy="allow")
    assert allowed.coverage.absent == {"too_little_history": 39}
    assert (allowed.coverage.covered, allowed.coverage.with_gaps) == (79, 39)
    world.engine.dispose()


def test_reference_pipeline_runs_through_the_same_path(world: World) -> None:
    report = world.recompute(pipeline="reference", lookback_bars=100)
    assert report.coverage.covered == 21
    assert reasons(world)["missing_feature"] == 42  # LONG and SHORT: the bundle needs others


def test_coverage_is_kept_for_the_page(world: World) -> None:
    report = world.recompute(budget_s=1e-6)
    with world.engine.connect() as conn:
        kept = read_coverage(conn, 1, "again")
    assert kept == report.coverage
    assert kept is not None and kept.is_sample
    assert 0 < kept.covered < 81
