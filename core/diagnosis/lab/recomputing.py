"""Run a feature function on windows of altered candles, in memory.

Frames are planned and run as those of the comparison that is explained; what differs is
that nothing is stored: a trial's candles exist nowhere else. The reference pipeline runs
here, a trader's own code in spawned workers that may be ended.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor

import numpy as np

from core.arrays import Ints
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.errors import PipelineError
from core.recompute.dispatch import dispatch_frames
from core.recompute.pipeline import REFERENCE
from core.recompute.recomputed import Collected
from core.recompute.reference_frames import reference_batches
from core.recompute.windows import CandleGrid, Frame, plan_frames
from core.settings import GapPolicy, Mode
from core.times import Timeframe

_MAX_CALLS = 20_000  # of a trader's own code in one diagnosis: some seventy trials of a day


class Recomputer:
    """The Recompute of an evidence; `executor` is made when a trader's code is first called.

    `time_limit_s` of one call: an executor that does not limit its calls itself is given up
    some time after it.
    """

    def __init__(
        self,
        pipeline_path: Sequence[str],
        timeframe: Timeframe,
        make_executor: Callable[[], Executor] | None = None,
        *,
        time_limit_s: float = math.inf,
    ) -> None:
        self._pipeline_path = tuple(pipeline_path)
        self._timeframe = timeframe
        self._make_executor = make_executor
        self._time_limit_s = time_limit_s
        self._executor: Executor | None = None
        self._calls_left = _MAX_CALLS
        self.cpu_s = 0.0  # of all calls so far; one that was ended counts as its limit
        self.failures: dict[str, str] = {}  # pipeline → why it is not called again

    def __call__(
        self,
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: Mode,
        gap_policy: GapPolicy,
    ) -> FeatureRows:
        """Vectors of the candles `ends`; those that the planner gives no frame are left out."""
        grid = CandleGrid(candles.opens, candles.values, self._timeframe)
        frames = plan_frames(
            grid,
            ends,
            lookback_bars=lookback_bars,
            mode=mode,
            gap_policy=gap_policy,
            now_us=0,  # whether a day is over changes no vector
        ).frames
        if pipeline == REFERENCE:
            return _rows_of(
                reference_batches(grid, frames, lookback_bars, mode, math.inf, time.monotonic)
            )
        return _rows_of(self._traders(pipeline, grid, frames))

    def close(self) -> None:
        """End the workers, if there are any."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None

    def _traders(
        self, pipeline: str, grid: CandleGrid, frames: Sequence[Frame]
    ) -> Iterator[Collected]:
        """Batches of a trader's own code; none from one that failed before."""
        frames = frames[: self._calls_left]
        if self._make_executor is None or pipeline in self.failures or not frames:
            return
        if self._executor is None:
            self._executor = self._make_executor()
        self._calls_left -= len(frames)
        try:
            for _, batch in dispatch_frames(
                self._executor,
                grid,
                frames,
                spec=pipeline,
                pipeline_path=self._pipeline_path,
                time_limit_s=self._time_limit_s,
                deadline=math.inf,
                monotonic=time.monotonic,
            ):
                self.cpu_s += batch.cpu_s
                yield batch
        except PipelineError as error:
            self.failures[pipeline] = str(error)


def _rows_of(batches: Iterable[Collected]) -> FeatureRows:
    collected = Collected()
    for batch in batches:
        collected.merge(batch)
    columns = collected.columns or ()
    opens = np.array(collected.opens, dtype="int64")
    matrix = np.array(collected.values, dtype="float64").reshape(len(opens), len(columns))
    order = np.argsort(opens, kind="stable")
    return FeatureRows(opens[order], columns, matrix[order])
