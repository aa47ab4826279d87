"""A pipeline outside this project goes through all of the recomputation."""

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from core.errors import PipelineError
from core.market import Origin
from core.recompute.reads import read_backtest_rows, read_coverage
from core.recompute.worker_pool import WorkerPool
from core.settings import GapPolicy, Mode
from core.signals.reads import absences, read_series
from core.signals.writes import ensure_series, upsert_signals
from tests.recompute.recompute_world import (
    World,
    make_bundle,
    make_candles,
    make_world,
    write_pipeline,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, time_limit_s=60)
    yield pool
    pool.kill()


@pytest.fixture
def world(tmp_path: Path, pool: WorkerPool) -> Iterator[World]:
    world = make_world(tmp_path, executor=pool)
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
        found = absences(conn, 1, Origin.BACKTEST, "again")["reason"].tolist()
    return dict(Counter(found))


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
    world = world.with_own_workers()
    first = world.recompute()
    world.write("from its_own_module import compute\n")
    write_pipeline(
        world.folder / "bot",
        """
        def compute(candles):
            return candles.assign(sma_20=candles["close"], ema_20=candles["close"])
        """,
        "its_own_module",
    )
    second = world.recompute()
    assert second.pipeline["hash"] != first.pipeline["hash"]
    assert (second.removed, second.computed) == (120, 81)
    assert rows(world)["sma_20"].tolist() == world.candles["close"].iloc[39:].tolist()


def test_frame_mode_gives_a_day_one_frame_and_is_provisional_until_it_closes(
    tmp_path: Path, pool: WorkerPool
) -> None:
    world = make_world(tmp_path, bars=288 + 100, executor=pool)
    report = world.recompute(mode=Mode.FRAME, now=pd.Timestamp("2025-11-04T08:20Z").to_pydatetime())
    assert report.coverage.absent == {"too_little_history": 288}
    assert (report.coverage.covered, report.coverage.provisional) == (100, 100)
    close = world.candles["close"].iloc[288 - 39 :].reset_index(drop=True)
    expected = close.ewm(span=20).mean().iloc[39:]
    assert rows(world)["ema_20"].tolist() == expected.tolist()
    later = world.recompute(mode=Mode.FRAME, now=pd.Timestamp("2025-11-05T00:00Z").to_pydatetime())
    assert (later.coverage.covered, later.coverage.provisional) == (100, 0)
    world.engine.dispose()


def test_gap_inside_a_window_is_refused_or_counted(tmp_path: Path, pool: WorkerPool) -> None:
    world = make_world(tmp_path, bars=0, executor=pool)
    world.store(make_candles().drop(index=[60, 61]))
    report = world.recompute()
    assert report.coverage.absent == {"too_little_history": 39, "gap": 39}
    assert report.coverage.covered == 40
    allowed = world.recompute(gap_policy=GapPolicy.ALLOW)
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


def test_nothing_is_computed_twice_when_a_setting_comes_back(world: World) -> None:
    calls = world.folder / "calls"
    counting = f"""
    def compute(candles):
        open({str(calls)!r}, "a").write("x")
        return candles.assign(sma_20=candles["close"], ema_20=candles["close"])
    """
    world.write(counting)
    world.recompute()
    world.recompute(lookback_bars=50)
    made = len(calls.read_text())
    assert 0 < made <= 81 + 71
    assert world.recompute(lookback_bars=40).computed == 81  # from the cache
    assert world.recompute(name="other").computed == 81
    assert len(calls.read_text()) == made


def test_failing_candle_is_kept_with_its_reason_and_not_tried_again(world: World) -> None:
    calls = world.folder / "calls"
    failing = f"""
    def compute(candles):
        if candles["timestamp"].iloc[-1].minute == 0:
            open({str(calls)!r}, "a").write("x")
            raise ValueError("no data on the hour")
        return candles.assign(sma_20=candles["close"], ema_20=candles["close"])
    """
    world.write(failing)
    report = world.recompute()
    assert report.coverage.absent == {"too_little_history": 39, "pipeline_failed": 6}
    assert "no data on the hour" in (report.traceback or "")
    tried = len(calls.read_text())
    assert world.recompute().without_row == 0
    assert len(calls.read_text()) == tried


def test_other_bundle_scores_the_stored_rows_again(world: World) -> None:
    world.recompute()
    before = signals(world)
    other = str(make_bundle(world.folder / "other", seed=2))
    report = world.recompute(bundle=other)
    assert (report.computed, report.signals) == (0, 162)
    assert not signals(world)["probability"].equals(before["probability"])
    world.recompute()
    assert_frame_equal(signals(world).drop(columns="bundle_id"), before.drop(columns="bundle_id"))


def test_without_a_live_bundle_rows_are_kept_and_the_reason_stored(world: World) -> None:
    report = world.recompute(bot=world.bot(bundles=[]))
    assert report.coverage.covered == 81
    assert signals(world).empty
    assert reasons(world)["no_live_bundle"] == 81
    assert world.recompute().signals == 162


def test_warm_up_rows_are_no_signals(world: World) -> None:
    report = world.recompute(lookback_bars=15)  # sma_20 has no value in 15 candles
    assert report.coverage.covered == 106
    assert signals(world).empty
    assert reasons(world) == {"too_little_history": 14, "warm_up": 212}


def test_infinite_input_is_no_signal(world: World) -> None:
    world.write(
        """
        def compute(candles):
            return candles.assign(sma_20=float("inf"), ema_20=1.0)
        """
    )
    world.recompute()
    assert signals(world).empty
    assert reasons(world)["infinite_feature"] == 162


def test_refused_run_keeps_what_was_computed_before_it(world: World) -> None:
    world = world.with_own_workers()
    world.recompute()
    world.store(make_candles(121))
    world.write("def compute(candles):\n    return None\n")
    with pytest.raises(PipelineError, match="returned NoneType, not a DataFrame"):
        world.recompute()
    with world.engine.connect() as conn:
        coverage = read_coverage(conn, 1, "again")
    assert coverage is not None
    assert (coverage.covered, coverage.pending) == (0, 82)


def test_candles_of_production_are_the_ones_covered(world: World) -> None:
    opens = world.candles["candle_open"].iloc[[50, 60, 70]]
    with world.engine.begin() as conn:
        series_id = ensure_series(conn, 1, Origin.REPLAY)
        upsert_signals(
            conn,
            series_id,
            pd.DataFrame({"candle_open": opens, "side": "LONG", "probability": 0.5}),
            None,
        )
    report = world.recompute()
    assert (report.coverage.wanted, report.coverage.covered) == (3, 3)


def test_imported_rows_of_the_same_name_make_room(world: World) -> None:
    with world.engine.begin() as conn:
        series_id = ensure_series(conn, 1, Origin.BACKTEST, "again")
        stray = pd.DataFrame(
            {"candle_open": [pd.Timestamp("2020-01-01", tz="UTC")], "side": "LONG"}
        ).assign(probability=0.5)
        upsert_signals(conn, series_id, stray, None)
    assert world.recompute().removed == 1
    assert len(signals(world)) == 162


def test_new_candle_is_recomputed_within_two_seconds_by_the_reference(world: World) -> None:
    make_bundle(world.folder / "reference", features=("rsi_14", "change_1_pct"))
    recompute = partial(
        world.recompute,
        lookback_bars=300,
        pipeline="reference",
        bundle=str(world.folder / "reference"),
    )
    world.store(make_candles(900))
    recompute()
    world.store(make_candles(901))
    begin = time.process_time()  # it computes in this process, however busy the machine is
    report = recompute()
    assert time.process_time() - begin < 2
    assert (report.computed, report.signals) == (1, 2)
