"""Run a feature function on windows of altered candles, in memory.

Frames are planned and run as those of the comparison that is explained. The reference pipeline
runs here, a trader's own code in spawned workers that may be ended: what it once gave for a frame
is remembered by the frame's content, over trials, diagnoses and the backtest itself.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from core.arrays import Ints
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.errors import PipelineError
from core.recompute.compute import CachedRow, VectorCache, cacheable, frame_keys, take_known
from core.recompute.dispatch import dispatch_frames
from core.recompute.pipeline import REFERENCE, load_pipeline
from core.recompute.recomputed import Collected
from core.recompute.reference_frames import reference_batches
from core.recompute.windows import CandleGrid, Frame, plan_frames
from core.settings import GapPolicy, Mode
from core.times import Timeframe

_MAX_CALLS = 20_000  # of a trader's own code in one diagnosis: some seventy trials of a day


@dataclass(frozen=True, slots=True)
class Calls:
    """How often a trader's own code was called, and how many frames were known already."""

    made: int = 0
    known: int = 0

    def document(self) -> dict[str, int]:
        return {"made": self.made, "known": self.known}

    def sentence(self) -> str:
        return (
            f"The feature code was called {self.made:,} times; "
            f"{self.known:,} further frames were known already."
        )


class Recomputer:
    """The Recompute of an evidence; `executor` is made when a trader's code is first called.

    `time_limit_s` of one call: an executor that does not limit its calls itself is given up
    some time after it. `cache` holds what is known from before, and gets what is new by `close`.
    """

    def __init__(
        self,
        pipeline_path: Sequence[str],
        timeframe: Timeframe,
        make_executor: Callable[[], Executor] | None = None,
        *,
        time_limit_s: float = math.inf,
        cache: VectorCache | None = None,
    ) -> None:
        self._pipeline_path = tuple(pipeline_path)
        self._timeframe = timeframe
        self._make_executor = make_executor
        self._time_limit_s = time_limit_s
        self._executor: Executor | None = None
        self._cache = cache
        self._rows: dict[str, CachedRow] = {}
        self._fresh: dict[str, CachedRow] = {}
        self._hashes: dict[str, str | None] = {}
        self._columns: dict[str, tuple[str, ...]] = {}  # of each pipeline that gave a row
        self.calls = Calls()
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
        return self._vectors(pipeline, candles, ends, lookback_bars, mode, gap_policy, anew=False)

    def anew(
        self,
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: Mode,
        gap_policy: GapPolicy,
    ) -> FeatureRows:
        """The same by calls alone, whatever is known: what the code gives and takes now."""
        return self._vectors(pipeline, candles, ends, lookback_bars, mode, gap_policy, anew=True)

    def _vectors(
        self,
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: Mode,
        gap_policy: GapPolicy,
        *,
        anew: bool,
    ) -> FeatureRows:
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
        if self._make_executor is None or not frames or pipeline in self.failures:
            return _rows_of(())
        identity = self._identity(pipeline)
        keys: dict[int, str] = {}
        if identity is not None:
            keys = frame_keys(identity, self._timeframe, mode, lookback_bars, grid, frames)
        rest, known = list(frames), Collected()
        if keys and not anew:
            self._recall(keys)
            columns = self._columns.get(pipeline)
            rest, known = take_known(grid, frames, keys, self._rows, columns)
            if known.columns is not None:
                self._columns[pipeline] = known.columns
        self.calls = Calls(self.calls.made, self.calls.known + len(frames) - len(rest))
        return _rows_of((known, *self._traders(pipeline, grid, rest, keys)))

    def close(self) -> None:
        """End the workers, if there are any, and keep what is new."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None
        if self._cache is not None and self._fresh:
            self._cache.put(self._fresh)
            self._fresh = {}

    def _identity(self, pipeline: str) -> str | None:
        """The pipeline's hash; None where its source is not found: what it gives is not kept."""
        if pipeline not in self._hashes:
            try:
                self._hashes[pipeline] = load_pipeline(pipeline, self._pipeline_path).hash
            except PipelineError:
                self._hashes[pipeline] = None
        return self._hashes[pipeline]

    def _recall(self, keys: Mapping[int, str]) -> None:
        """What the cache knows of these frames and this diagnosis does not yet."""
        if self._cache is not None:
            self._rows |= self._cache.get([key for key in keys.values() if key not in self._rows])

    def _traders(
        self,
        pipeline: str,
        grid: CandleGrid,
        frames: Sequence[Frame],
        keys: Mapping[int, str],
    ) -> Iterator[Collected]:
        """Batches of a trader's own code, remembered; none from one that failed before."""
        frames = frames[: _MAX_CALLS - self.calls.made]
        if self._make_executor is None or not frames:
            return
        if self._executor is None:
            self._executor = self._make_executor()
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
                columns=self._columns.get(pipeline),
            ):
                if batch.columns is not None:
                    self._columns[pipeline] = batch.columns
                self.cpu_s += batch.cpu_s
                self.calls = Calls(self.calls.made + 1, self.calls.known)
                if keys:
                    rows = cacheable(batch, keys)
                    self._rows |= rows
                    self._fresh |= rows
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
