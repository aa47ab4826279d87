"""Recomputation: windows a CPU second, and two workers against one.

Run as `python -m benchmarks.bench_recompute`. Prints goals beside what was measured.
"""

import os
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.figures import Spread, idle_ratio, in_turn, show
from benchmarks.simulated_bot import END, FIVE, make_candles
from core.recompute.compute import Request
from core.recompute.pipeline import Pipeline, load_pipeline
from core.recompute.recompute import Recomputed, recompute_features
from core.recompute.worker_pool import WorkerPool
from reference_pipeline.pipeline import compute_windows

CANDLES = 2016
LOOKBACKS = (100, 300, 600, 1000, 1440)
TURNS = 5
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


def bench_windows(candles: pd.DataFrame) -> None:
    """Windows recomputed by the reference pipeline, beside its kernels alone."""
    reference = load_pipeline("reference", [])
    ends = np.arange(len(candles) - CANDLES, len(candles))
    opens = pd.DatetimeIndex(candles["candle_open"].iloc[-CANDLES:])
    _recompute(reference, candles, opens[:2], 300)  # compiles
    ways = {
        "alone": lambda: [compute_windows(candles, ends, bars) for bars in LOOKBACKS],
        "whole": lambda: [_recompute(reference, candles, opens, bars) for bars in LOOKBACKS],
    }
    spent = in_turn(TURNS, ways)
    windows = Spread((CANDLES * len(LOOKBACKS),) * TURNS)
    print(f"reference pipeline, {CANDLES:,} candles at lookbacks {LOOKBACKS}, window mode:")
    show("recomputed windows a CPU second", windows / spent["whole"])
    show("of the kernels' own rate", spent["alone"] / spent["whole"])


def bench_scaling(candles: pd.DataFrame) -> None:
    """A slow pipeline in one worker and in two: wall times, so they need idle cores."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "slow.py").write_text(textwrap.dedent(SLOW_PIPELINE))
        pipeline = load_pipeline("slow:compute", [folder])
        opens = pd.DatetimeIndex(candles["candle_open"].iloc[-SLOW_FRAMES:])
        seconds, idle = {}, {}
        for workers in (1, 2):
            with WorkerPool(workers, time_limit_s=60) as pool:
                _recompute(pipeline, candles, opens[:workers], 20, pool)  # starts the workers
                idle[workers] = idle_ratio()
                begin = time.perf_counter()
                _recompute(pipeline, candles, opens, 300, pool)
                seconds[workers] = time.perf_counter() - begin
    print(f"a pipeline that keeps a core busy {SLOW_S:g} s a frame, {SLOW_FRAMES} frames, in all:")
    for workers in seconds:
        print(
            f"  {workers} worker(s): {seconds[workers]:.2f} s, {idle[workers]:.0%} of the", end=""
        )
        print(f" {os.cpu_count()} cores idle before")
    show("one worker's seconds, of two workers'", seconds[1] / seconds[2], "1.8 on idle cores")


def _recompute(
    pipeline: Pipeline,
    candles: pd.DataFrame,
    opens: pd.DatetimeIndex,
    bars: int,
    pool: WorkerPool | None = None,
) -> Recomputed:
    request = Request(pipeline=pipeline, lookback_bars=bars, timeframe=FIVE)
    return recompute_features(request, candles, opens, now=END, executor=pool)


def main() -> None:
    candles = make_candles(CANDLES + max(LOOKBACKS) - 1)
    bench_windows(candles)
    bench_scaling(candles)


if __name__ == "__main__":
    main()
