"""The reference pipeline over planned frames, in this process."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.recompute.frame_task import make_frame
from core.recompute.recomputed import Collected
from core.recompute.windows import Frame
from core.settings import Mode

if TYPE_CHECKING:
    from core.recompute.windows import CandleGrid

_WINDOWS_A_BATCH = 512


def reference_batches(
    grid: "CandleGrid",
    frames: Sequence[Frame],
    lookback_bars: int,
    mode: Mode,
    deadline: float,
    monotonic: Callable[[], float],
) -> Iterator[Collected]:
    """Rows of the frames in batches until the deadline; then the rest is pending.

    Windows take the fast path, which equals the whole frame's last row to the bit.
    """
    candles = make_frame(grid.opens, grid.numbers)
    size = _WINDOWS_A_BATCH if mode is Mode.WINDOW else 1
    for at in range(0, len(frames), size):
        if at and monotonic() >= deadline:
            yield pending(grid, frames[at:])
            return
        chunk = frames[at : at + size]
        if mode is Mode.WINDOW:
            yield _windows(grid, candles, chunk, lookback_bars)
        else:
            yield _day(grid, candles, chunk[0])


def pending(grid: "CandleGrid", frames: Sequence[Frame]) -> Collected:
    """Candles that the budget did not reach."""
    return Collected(
        reasons=[
            (int(grid.opens[row]), "pending", "not recomputed yet; its turn comes in a later cycle")
            for frame in frames
            for row in frame.rows
        ]
    )


def _windows(
    grid: "CandleGrid", candles: pd.DataFrame, frames: Sequence[Frame], lookback_bars: int
) -> Collected:
    from reference_pipeline.pipeline import FEATURES, compute_windows

    # One stretch of candles, so that the fast path reads no more than these windows see.
    begin = min(frame.start for frame in frames)
    end = max(frame.stop for frame in frames)
    ends = np.array([frame.stop - 1 - begin for frame in frames], dtype=np.int64)
    matrix = compute_windows(candles.iloc[begin:end], ends, lookback_bars)
    batch = Collected(columns=FEATURES)
    for frame, values in zip(frames, matrix, strict=True):
        batch.add(int(grid.opens[frame.stop - 1]), values, np.isnan(values), frame)
    return batch


def _day(grid: "CandleGrid", candles: pd.DataFrame, frame: Frame) -> Collected:
    from reference_pipeline.pipeline import FEATURES, compute

    cut = candles.iloc[frame.start : frame.stop].reset_index(drop=True)
    matrix = compute(cut).to_numpy(dtype="float64")
    batch = Collected(columns=FEATURES)
    for row in frame.rows:
        values = matrix[row - frame.start]
        batch.add(int(grid.opens[row]), values, np.isnan(values), frame)
    return batch
