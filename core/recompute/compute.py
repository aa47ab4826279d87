"""Recompute features: plan the frames, take what is cached, run the rest within a budget."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd

from core.arrays import Flags, Floats, Ints
from core.recompute.dispatch import dispatch_frames
from core.recompute.forgetting import Proofs
from core.recompute.pipeline import Pipeline
from core.recompute.recomputed import LASTING, Collected, Recomputed, gathered
from core.recompute.reference_frames import reference_batches
from core.recompute.stretches import Dispatch, run_windows
from core.recompute.windows import (
    CandleGrid,
    Frame,
    Plan,
    content_key,
    plan_frames,
    proof_key,
    stretch_key,
)
from core.recompute.worker_pool import DEFAULT_MEMORY_LIMIT_MB, WorkerPool
from core.settings import GapPolicy, Mode
from core.times import Timeframe, to_us, us_from_index


@dataclass(frozen=True, slots=True)
class CachedRow:
    """A row computed before: its columns, values and warming flags; or why there is none."""

    columns: tuple[str, ...]
    values: Floats
    warming: Flags
    failure: tuple[str, str] | None = None


class VectorCache(Protocol):
    """Recomputed rows by content key."""

    def get(self, keys: Sequence[str]) -> Mapping[str, CachedRow]: ...

    def put(self, rows: Mapping[str, CachedRow]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How candles are recomputed; limits are for one frame and for all of them together."""

    pipeline: Pipeline
    timeframe: Timeframe
    lookback_bars: int
    mode: Mode = Mode.WINDOW
    gap_policy: GapPolicy = GapPolicy.REFUSE
    time_limit_s: float = 120.0
    budget_s: float = 600.0
    memory_limit_mb: int = DEFAULT_MEMORY_LIMIT_MB

    @property
    def mark(self) -> list[object]:
        """What a row rests on besides candles; rows of another mark are of another comparison."""
        return [self.pipeline.hash, self.timeframe.text, self.mode, self.lookback_bars]

    @property
    def proof_key(self) -> str:
        """What a proof of forgetting speaks of."""
        return proof_key(self.pipeline.hash, self.timeframe, self.mode, self.lookback_bars)

    def document(self) -> dict[str, object]:
        """What a run stores about it."""
        return {
            "lookback_bars": self.lookback_bars,
            "mode": self.mode,
            "gap_policy": self.gap_policy,
            "time_limit_s": self.time_limit_s,
            "budget_s": self.budget_s,
        }

    def plan(self, grid: CandleGrid, opens_us: Ints, now: datetime) -> Plan:
        """The frames of these candles under the request's lookback, mode and gap policy."""
        return plan_frames(
            grid,
            opens_us,
            lookback_bars=self.lookback_bars,
            mode=self.mode,
            gap_policy=self.gap_policy,
            now_us=to_us(now),
        )

    def keys(self, grid: CandleGrid, frames: Sequence[Frame]) -> dict[int, str]:
        """The content key of every wanted row, by candle open in µs."""
        return frame_keys(
            self.pipeline.hash, self.timeframe, self.mode, self.lookback_bars, grid, frames
        )


def frame_keys(
    pipeline_hash: str,
    timeframe: Timeframe,
    mode: Mode,
    lookback_bars: int,
    grid: CandleGrid,
    frames: Sequence[Frame],
) -> dict[int, str]:
    """The content key of every row that frames are to give, by candle open in µs."""
    keys = {}
    for frame in frames:
        content = grid.content(frame.start, frame.stop)
        for row in frame.rows:
            open_us = int(grid.opens[row])
            keys[open_us] = content_key(
                pipeline_hash, timeframe, mode, lookback_bars, content, open_us
            )
    return keys


def recompute_features(
    request: Request,
    candles: pd.DataFrame,
    candle_opens: pd.DatetimeIndex,
    *,
    now: datetime,
    executor: Executor | None = None,
    cache: VectorCache | None = None,
) -> Recomputed:
    """Features of `candle_opens`, each from its own frame of closed candles.

    candles: candle_open (UTC, unique), open, high, low, close, volume; one that
    has not closed at `now` is not used. Candles are computed in the order given
    until its budget_s seconds have passed (at least one frame is); the rest has the
    reason "pending". Needs no database. Raises PipelineError when the pipeline
    cannot be loaded, breaks the contract of frames, or fails on each of the
    first frames.
    """
    grid = closed_grid(candles, request.timeframe, now)
    opens = us_from_index(candle_opens)
    everything = Collected()
    for batch in recompute_batches(request, grid, opens, now=now, executor=executor, cache=cache):
        everything.merge(batch)
    return everything.seal()


def closed_grid(candles: pd.DataFrame, timeframe: Timeframe, now: datetime) -> CandleGrid:
    """The candles that have closed at `now`."""
    is_closed = us_from_index(candles["candle_open"]) + timeframe.length_us <= to_us(now)
    return CandleGrid.of(candles[is_closed], timeframe)


def recompute_batches(
    request: Request,
    grid: CandleGrid,
    opens_us: Ints,
    *,
    now: datetime,
    executor: Executor | None = None,
    cache: VectorCache | None = None,
    proofs: Proofs | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Collected]:
    """The same in batches as they are ready, so that each can be stored at once.

    With `proofs`, windows of a pipeline that forgets come from stretches
    (core.recompute.forgetting); a row that comes twice counts as it came last.
    """
    deadline = monotonic() + request.budget_s
    plan = request.plan(grid, opens_us, now)
    yield Collected(reasons=plan.reasons)
    if request.pipeline.is_reference:
        yield from reference_batches(
            grid, plan.frames, request.lookback_bars, request.mode, deadline, monotonic
        )
        return
    frames = plan.frames
    keys: dict[int, str] = {}
    if cache is not None:
        keys = request.keys(grid, frames)
        frames, known = _take_cached(grid, frames, keys, cache, forgets(request, proofs))
        yield known
    if not frames:
        return
    with dispatcher(request, grid, executor, deadline, monotonic) as dispatch:
        batches: Iterator[Collected]
        if proofs is None or request.mode is not Mode.WINDOW:
            batches = (batch for _, batch in dispatch(frames, None))
        else:
            day = f"{now:%Y-%m-%d}"
            batches = run_windows(
                dispatch,
                grid,
                frames,
                proofs,
                key=request.proof_key,
                day=day,
                known=partial(_known_windows, request, grid, cache),
            )
        for batch in gathered(batches, monotonic):
            if cache is not None:
                cache.put(cacheable(batch, keys))
            yield batch


def forgets(request: Request, proofs: Proofs | None) -> bool:
    """Whether rows from stretches are as good as windows, as far as is known."""
    known = None if proofs is None else proofs.get(request.proof_key)
    return known is not None and known.holds


@contextmanager
def dispatcher(
    request: Request,
    grid: CandleGrid,
    executor: Executor | None,
    deadline: float,
    monotonic: Callable[[], float],
) -> Iterator[Dispatch]:
    """How frames are run: by the given executor, else by local workers for as long as this takes.

    deadline: after it, as `monotonic` tells, no frame is begun.
    """

    def dispatch(
        frames: Sequence[Frame], columns: tuple[str, ...] | None
    ) -> Iterator[tuple[Frame, Collected]]:
        return dispatch_frames(
            workers,
            grid,
            frames,
            spec=request.pipeline.spec,
            pipeline_path=request.pipeline.pipeline_path,
            time_limit_s=request.time_limit_s,
            deadline=deadline,
            monotonic=monotonic,
            columns=columns,
        )

    with _workers(request, executor) as workers:
        yield dispatch


@contextmanager
def _workers(request: Request, executor: Executor | None) -> Iterator[Executor]:
    """The given executor, else local workers for as long as this takes."""
    if executor is not None:
        yield executor
        return
    pool = WorkerPool(time_limit_s=request.time_limit_s, memory_limit_mb=request.memory_limit_mb)
    try:
        yield pool
    finally:
        pool.kill()


def _take_cached(
    grid: CandleGrid,
    frames: Sequence[Frame],
    keys: Mapping[int, str],
    cache: VectorCache,
    forgets: bool,
) -> tuple[list[Frame], Collected]:
    """Frames that still have to run, and the rows of the others."""
    plain = list(keys.values())
    cached = cache.get([*plain, *(stretch_key(key) for key in plain)] if forgets else plain)
    return take_known(grid, frames, keys, cached)


def take_known(
    grid: CandleGrid,
    frames: Sequence[Frame],
    keys: Mapping[int, str],
    cached: Mapping[str, CachedRow],
    columns: tuple[str, ...] | None = None,
) -> tuple[list[Frame], Collected]:
    """Frames of which a row is not known, and the rows and failures of the others.

    `columns`: those that rows have to have, in their order; by default the first row's.
    """
    known, rest = Collected(columns=columns), []
    for frame in frames:
        opens = [int(grid.opens[row]) for row in frame.rows]
        rows = [cached.get(keys[open_us]) for open_us in opens]
        if rows == [None]:
            rows = [cached.get(stretch_key(keys[opens[0]]))]
            frame = replace(frame, is_stretch=True)
        if any(row is None or not known.accepts(row.columns) for row in rows):
            rest.append(replace(frame, is_stretch=False))
            continue
        for open_us, row in zip(opens, rows, strict=True):
            if row is not None and row.failure is not None:
                known.reasons.append((open_us, *row.failure))
            elif row is not None:
                known.columns = row.columns
                known.add(open_us, row.values, row.warming, frame)
    return rest, known


def _known_windows(
    request: Request, grid: CandleGrid, cache: VectorCache | None, frames: Sequence[Frame]
) -> dict[int, Collected]:
    """Windows that the cache holds, by position of the row."""
    if cache is None:
        return {}
    keys = request.keys(grid, frames)
    stored = cache.get(list(keys.values()))
    known: dict[int, Collected] = {}
    for frame in frames:
        open_us = int(grid.opens[frame.rows[0]])
        row = stored.get(keys[open_us])
        if row is None:
            continue
        batch = known[frame.rows[0]] = Collected(columns=row.columns or None)
        if row.failure is not None:
            batch.reasons.append((open_us, *row.failure))
        else:
            batch.add(open_us, row.values, row.warming, frame)
    return known


def cacheable(batch: Collected, keys: Mapping[int, str]) -> dict[str, CachedRow]:
    """Rows and lasting failures by content key; a time limit or a crash may be another's fault."""
    nothing = np.empty(0)
    rows = {
        keys[open_us]: CachedRow((), nothing, nothing.astype(bool), (reason, detail))
        for open_us, reason, detail in batch.reasons
        if reason in LASTING
    }
    for open_us, values, warming, is_from_stretch in zip(
        batch.opens, batch.values, batch.warming, batch.from_stretch, strict=True
    ):
        key = stretch_key(keys[open_us]) if is_from_stretch else keys[open_us]
        rows[key] = CachedRow(batch.columns or (), values, warming)
    return rows
