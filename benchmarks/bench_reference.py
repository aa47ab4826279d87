"""The reference pipeline in window mode: 2,016 candles at five lookbacks.

Against the same features by pandas calls for each window, and against the
pipeline's own slow path called for each window. Seconds are CPU seconds. The fast path runs all
10,080 windows; the two slow sides run a spread sample of each lookback (all windows
with --full), and their time is scaled by the windows left out.

Fails where a value differs from the slow path by a bit, or from pandas by more
than the stated tolerance.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.reference_in_pandas.window import features_in_pandas
from reference_pipeline.pipeline import FEATURES, compute, compute_windows

CANDLES = 2016
LOOKBACKS_BARS = (300, 500, 600, 999, 1440)
GOAL_TIMES = 200
TOLERANCE = 1e-9
"""Of a value's own size, or of 1 for smaller ones: what pandas' running sums lose."""
REPEATS = 3
SEED = 20251103
ROOT = Path(__file__).parents[1]
FIRST_CALL = """
import pandas, time
from reference_pipeline.pipeline import compute
one = pandas.DataFrame({name: [1.0] for name in ("open", "high", "low", "close", "volume")})
started = time.process_time()
compute(one)
print(time.process_time() - started)
"""

Matrix = npt.NDArray[np.float64]
LastRow = Callable[[pd.DataFrame], npt.ArrayLike]


@dataclass(frozen=True)
class Compared:
    """A slow side next to the fast path, over the sampled windows of all lookbacks."""

    name: str
    windows: int
    seconds: float  # scaled to all windows
    equal_ratio: float
    largest_diff: float
    largest_in: str


def make_candles(count: int) -> pd.DataFrame:
    """A seeded random walk on a grid of 0.1, as a BTC/USDT exchange has it."""
    random = np.random.default_rng(SEED)
    close = 100_000 * np.cumprod(1 + random.normal(0, 0.001, count))
    open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close) + random.exponential(40, count)
    low = np.minimum(open_, close) - random.exponential(40, count)
    prices = {"open": open_, "high": high, "low": low, "close": close}
    frame = pd.DataFrame({name: values.round(1) for name, values in prices.items()})
    return frame.assign(volume=random.gamma(2, 10, count).round(4))


def pandas_row(window: pd.DataFrame) -> npt.ArrayLike:
    values = features_in_pandas(window)
    return [values[name] for name in FEATURES]


def own_slow_row(window: pd.DataFrame) -> npt.ArrayLike:
    return compute(window.reset_index(drop=True)).iloc[-1].to_numpy()


def run_fast(candles: pd.DataFrame, ends: npt.NDArray[np.int64]) -> tuple[dict[int, Matrix], float]:
    """The matrices by lookback, and the fastest of some runs over all of them in seconds."""
    compute_windows(candles, ends[:1], LOOKBACKS_BARS[0])  # compiles or loads the kernels
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        matrices = {bars: compute_windows(candles, ends, bars) for bars in LOOKBACKS_BARS}
        times.append(time.process_time() - started)
    return matrices, min(times)


def compare(
    name: str,
    last_row: LastRow,
    candles: pd.DataFrame,
    ends: npt.NDArray[np.int64],
    fast: dict[int, Matrix],
    sample: int,
) -> Compared:
    """Run a slow side on `sample` windows a lookback, evenly spread."""
    chosen = np.unique(np.linspace(0, len(ends) - 1, sample).astype(int))
    seconds, slow, quick = 0.0, [], []
    for bars in LOOKBACKS_BARS:
        windows = [candles.iloc[end - bars + 1 : end + 1] for end in ends[chosen]]
        last_row(windows[0])
        started = time.process_time()
        rows = [last_row(window) for window in windows]
        seconds += time.process_time() - started
        slow.append(np.array(rows, dtype=np.float64))
        quick.append(fast[bars][chosen])
    expected, actual = np.concatenate(slow), np.concatenate(quick)
    diff = np.abs(actual - expected) / np.maximum(1.0, np.abs(expected))
    worst = np.where(np.isnan(diff), np.inf, diff).max(axis=0)
    return Compared(
        name=name,
        windows=len(expected),
        seconds=seconds * len(ends) / len(chosen),
        equal_ratio=float((actual.view(np.int64) == expected.view(np.int64)).mean()),
        largest_diff=float(worst.max()),
        largest_in=FEATURES[int(worst.argmax())],
    )


def first_call_s(cache: str) -> float:
    """Seconds until a new process has its first features."""
    shown = subprocess.run(
        [sys.executable, "-c", FIRST_CALL],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(shown.stdout)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_reference")
    parser.add_argument("--full", action="store_true", help="every window on the slow sides too")
    is_full = parser.parse_args(arguments).full
    with tempfile.TemporaryDirectory() as cache:
        print(f"compiling the kernels: {first_call_s(cache):.1f} s once; not in the times below")
        print(f"loading them in a later process: {first_call_s(cache):.1f} s")
    candles = make_candles(max(LOOKBACKS_BARS) + CANDLES - 1)
    ends = np.arange(len(candles) - CANDLES, len(candles))
    fast, fast_s = run_fast(candles, ends)
    count = len(ends) * len(LOOKBACKS_BARS)
    print(f"{len(FEATURES)} features, {CANDLES} candles, lookbacks {LOOKBACKS_BARS}")
    print(f"windows, fast path: {count} in {fast_s:.2f} s, {count / fast_s:,.0f} a second")
    sides = (
        compare("pandas", pandas_row, candles, ends, fast, CANDLES if is_full else 40),
        compare("own slow path", own_slow_row, candles, ends, fast, CANDLES if is_full else 200),
    )
    for side in sides:
        print(
            f"{side.name} per window: {count / side.seconds:,.0f} a second "
            f"({side.windows} windows run), the fast path is {side.seconds / fast_s:,.0f} times "
            f"faster; {side.equal_ratio:.2%} of values equal to the bit, "
            f"largest difference {side.largest_diff:.1e} ({side.largest_in})"
        )
    in_pandas, own = sides
    reached = "reached" if in_pandas.seconds / fast_s >= GOAL_TIMES else "MISSED"
    print(f"goal {GOAL_TIMES} times pandas: {reached}; tolerance against pandas {TOLERANCE}")
    return 0 if own.equal_ratio == 1.0 and in_pandas.largest_diff <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
