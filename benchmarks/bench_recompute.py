"""Recomputation: windows a second, two workers against one, a steady collector's new candle.

Run as `python -m benchmarks.bench_recompute`. Prints goals beside what was measured.
"""

import os
import tempfile
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.bots import ensure_bot
from core.candles.writes import ensure_source, store_candles
from core.context import Context
from core.recompute.compute import Request
from core.recompute.pipeline import Pipeline, load_pipeline
from core.recompute.recompute import Recomputed, recompute_backtest, recompute_features
from core.recompute.worker_pool import WorkerPool
from core.settings import BotSettings
from core.storage.engine import migrate, writer_engine
from core.times import Timeframe

CANDLES = 2016
LOOKBACKS = (100, 300, 600, 1000, 1440)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
FIVE = Timeframe.parse("5m")
# One frame keeps a core busy for about this long, as a trader's own code does.
SLOW_S = 0.5
SLOW_FRAMES = 16
SLOW_PIPELINE = f"""
import time

def compute(candles):
    end = time.process_time() + {SLOW_S}
    total = 0.0
    while time.process_time() < end:
        total += candles["close"].rolling(20).mean().iloc[-1]
    return candles.assign(sma_20=candles["close"].rolling(20).mean())
"""


def make_candles(count: int) -> pd.DataFrame:
    random = np.random.default_rng(7)
    close = 100_000 + np.cumsum(random.normal(0, 50, count))
    open_ = close - random.normal(0, 50, count)
    return pd.DataFrame(
        {
            "candle_open": pd.date_range("2026-01-01", periods=count, freq="5min", tz="UTC"),
            "open": open_,
            "high": np.maximum(open_, close) + random.exponential(30, count),
            "low": np.minimum(open_, close) - random.exponential(30, count),
            "close": close,
            "volume": random.gamma(2, 10, count),
        }
    )


def bench_windows(candles: pd.DataFrame) -> None:
    """The reference pipeline over all windows, and its own slow path on a sample of them."""
    from core.recompute.frame_task import make_frame
    from core.recompute.windows import CandleGrid
    from reference_pipeline.pipeline import compute

    reference = load_pipeline("reference", [])
    opens = pd.DatetimeIndex(candles["candle_open"].iloc[-CANDLES:])
    _recompute(reference, candles, opens[:2], 300)  # compiles
    begin = time.perf_counter()
    results = {bars: _recompute(reference, candles, opens, bars) for bars in LOOKBACKS}
    fast_s = time.perf_counter() - begin
    grid = CandleGrid.of(candles, FIVE)
    frame = make_frame(grid.opens, grid.numbers)
    slow_s, equal, values = 0.0, 0, 0
    sample = range(0, CANDLES, 63)
    for bars in LOOKBACKS:
        begin = time.perf_counter()
        for i in sample:
            stop = len(frame) - CANDLES + i + 1
            row = compute(frame.iloc[stop - bars : stop].reset_index(drop=True)).iloc[-1]
            fast = results[bars].features.iloc[i]
            same = (row.to_numpy() == fast.to_numpy()) | (row.isna() & fast.isna()).to_numpy()
            equal, values = equal + int(same.sum()), values + len(same)
        slow_s += (time.perf_counter() - begin) * CANDLES / len(sample)
    windows = CANDLES * len(LOOKBACKS)
    print(f"reference, {CANDLES} candles x {len(LOOKBACKS)} lookbacks, window mode:")
    print(f"  fast path            {fast_s:8.2f} s  {windows / fast_s:10,.0f} windows/s")
    print(f"  own slow path        {slow_s:8.2f} s  {windows / slow_s:10,.0f} windows/s")
    print(f"    (from {len(sample)} windows a lookback); ratio {slow_s / fast_s:.0f}")
    print(f"  equal to the bit     {equal / values:.6f} of {values:,} values (goal: 1)")


def bench_scaling(candles: pd.DataFrame) -> None:
    """A slow pipeline in one worker and in two."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "slow.py").write_text(textwrap.dedent(SLOW_PIPELINE))
        pipeline = load_pipeline("slow:compute", [folder])
        opens = pd.DatetimeIndex(candles["candle_open"].iloc[-SLOW_FRAMES:])
        seconds = {}
        for workers in (1, 2):
            with WorkerPool(workers, time_limit_s=60) as pool:
                _warm(pool, pipeline, candles, opens[:workers])
                begin = time.perf_counter()
                recompute_features(
                    Request(pipeline=pipeline, lookback_bars=300, timeframe=FIVE),
                    candles,
                    opens,
                    now=NOW,
                    executor=pool,
                )
                seconds[workers] = time.perf_counter() - begin
    ratio = seconds[1] / seconds[2]
    load = os.getloadavg()[0]
    print(f"slow pipeline ({SLOW_S:g} s of a core a frame, {SLOW_FRAMES} frames):")
    print(
        f"  1 worker {seconds[1]:.2f} s, 2 workers {seconds[2]:.2f} s: ratio {ratio:.2f} ", end=""
    )
    print(f"(goal: 1.8; {os.cpu_count()} cores, load of this machine {load:.1f})")


def bench_steady(candles: pd.DataFrame) -> None:
    """A database with all candles recomputed; then one more candle comes."""
    with tempfile.TemporaryDirectory() as folder:
        engine = writer_engine(f"sqlite:///{folder}/align.db")
        migrate(engine)
        bot = BotSettings.model_validate(
            {
                "name": "bench",
                "candles": [{"name": "files", "paths": ["none"]}],
                "backtests": [{"name": "b", "pipeline": "reference", "lookback_bars": 1000}],
            }
        )
        with engine.begin() as conn:
            bot_id = ensure_bot(conn, "bench", "5m")
        _store(engine, bot_id, candles.iloc[:-1])
        first_s = _cycle(engine, bot_id, bot)
        _store(engine, bot_id, candles)
        new_s = _cycle(engine, bot_id, bot)
        idle_s = _cycle(engine, bot_id, bot)
        engine.dispose()
    print(f"database with {len(candles):,} candles, reference at 1000:")
    print(f"  first cycle {first_s:.2f} s, one new candle {new_s:.2f} s (goal: 2), ", end="")
    print(f"nothing new {idle_s:.2f} s")


def _recompute(
    pipeline: Pipeline, candles: pd.DataFrame, opens: pd.DatetimeIndex, bars: int
) -> Recomputed:
    return recompute_features(
        Request(pipeline=pipeline, lookback_bars=bars, timeframe=FIVE), candles, opens, now=NOW
    )


def _warm(
    pool: WorkerPool, pipeline: Pipeline, candles: pd.DataFrame, opens: pd.DatetimeIndex
) -> None:
    """Start the workers and import the pipeline, which is no part of the scaling."""
    recompute_features(
        Request(pipeline=pipeline, lookback_bars=20, timeframe=FIVE),
        candles,
        opens,
        now=NOW,
        executor=pool,
    )


def _store(engine: sa.Engine, bot_id: int, candles: pd.DataFrame) -> None:
    with engine.begin() as conn:
        source_id = ensure_source(conn, bot_id, "files")
        store_candles(conn, source_id, candles, origin="bench", now=NOW)


def _cycle(engine: sa.Engine, bot_id: int, bot: BotSettings) -> float:
    begin = time.perf_counter()
    context = Context(engine=engine, bot_id=bot_id, bot=bot, now=NOW)
    recompute_backtest(context, bot.backtests[0])
    return time.perf_counter() - begin


def main() -> None:
    candles = make_candles(CANDLES + max(LOOKBACKS) - 1)
    bench_windows(candles)
    bench_scaling(candles)
    bench_steady(candles)
    bench_steady(make_candles(40_000))


if __name__ == "__main__":
    main()
