"""Once a day, rows that came from stretches and rows of windows are held against each other.

A proof rests on the candles that it was made with. What a pipeline does seldom (a state that
lasts longer than a window, code that looks at the last row) may show first on a later day, so the
windows of new candles, which are run alone anyway, are run again as one stretch, and some rows of
stretches as windows, those of the worst pairs first.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime

import numpy as np

from core.arrays import Ints
from core.recompute.compute import (
    CachedRow,
    Request,
    VectorCache,
    cacheable,
    dispatcher,
)
from core.recompute.forgetting import (
    LEAST_ROWS,
    STRETCH_BARS,
    Forgetting,
    Proofs,
    differing,
    grouped,
    merged,
    told,
)
from core.recompute.recomputed import LASTING, Collected
from core.recompute.windows import CandleGrid, Frame, stretch_key

WINDOWS = 24  # of rows from stretches, a day
_LOOKED_AT = 480  # rows among which those are found
_SEED = 7


def is_check_due(request: Request, proofs: Proofs, now: datetime) -> bool:
    """Whether rows come from stretches, and none were checked on this UTC day yet."""
    known = proofs.get(request.proof_key)
    return known is not None and known.holds and known.checked != f"{now:%Y-%m-%d}"


def spot_check(
    request: Request,
    grid: CandleGrid,
    wanted: Ints,
    flagged: Sequence[int],
    *,
    now: datetime,
    executor: Executor | None,
    cache: VectorCache,
    proofs: Proofs,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Check a pipeline that is said to forget.

    wanted: candle opens of the backtest (µs, rising). flagged: those of the worst pairs, worst
    first. One value that differs ends the proof, and what rests on it is due again. What windows
    give is cached. Raises PipelineError as recompute_batches does.
    """
    day = f"{now:%Y-%m-%d}"
    chosen = _chosen(wanted, flagged, day)
    frames = _windows(request, grid, chosen, now)
    keys = request.keys(grid, frames)
    stored = cache.get([*keys.values(), *map(stretch_key, keys.values())])
    by_window, by_stretch = _stored(grid, frames, keys, stored)
    rows = {int(grid.opens[frame.rows[0]]): row for frame, row in (*by_window, *by_stretch)}
    work = [frame for frame, _ in by_stretch[:WINDOWS]]
    since = int(wanted[-STRETCH_BARS:][0]) if len(wanted) else 0
    young = [frame for frame, _ in by_window if grid.opens[frame.rows[0]] >= since]
    newest = max(grouped(grid, young), key=len, default=[])
    if len(newest) >= LEAST_ROWS:
        work.append(merged(newest))
    why = ""
    deadline = monotonic() + request.budget_s
    with dispatcher(request, grid, executor, deadline, monotonic) as dispatch:
        for frame, batch in dispatch(work, None) if work else ():
            why = why or _difference(batch, rows, frame.is_stretch)
            if not frame.is_stretch:
                cache.put(cacheable(batch, keys))
    proofs.put(request.proof_key, Forgetting(not why, why, day))


def _chosen(wanted: Ints, flagged: Sequence[int], day: str) -> Ints:
    """Candles to look at: flagged ones, others of all times, and the newest."""
    seed = [_SEED, *day.encode()]
    others = np.random.default_rng(seed).permutation(wanted)[:_LOOKED_AT]
    known = set(wanted.tolist())
    first = [open_us for open_us in flagged if open_us in known]
    ordered = dict.fromkeys([*first, *others.tolist(), *wanted[-STRETCH_BARS:].tolist()])
    return np.array(list(ordered), dtype=np.int64)


def _windows(request: Request, grid: CandleGrid, opens: Ints, now: datetime) -> list[Frame]:
    plan = request.plan(grid, opens, now)
    return [frame for frame in plan.frames if frame.missing == 0]


def _stored(
    grid: CandleGrid,
    frames: Sequence[Frame],
    keys: Mapping[int, str],
    stored: Mapping[str, CachedRow],
) -> tuple[list[tuple[Frame, CachedRow]], list[tuple[Frame, CachedRow]]]:
    """Frames with what their window gave, and those of which only a stretch's row is known."""
    by_window: list[tuple[Frame, CachedRow]] = []
    by_stretch: list[tuple[Frame, CachedRow]] = []
    for frame in frames:
        key = keys[int(grid.opens[frame.rows[0]])]
        if (row := stored.get(key)) is not None:
            by_window.append((frame, row))
        elif (row := stored.get(stretch_key(key))) is not None:
            by_stretch.append((frame, row))
    return by_window, by_stretch


def _difference(batch: Collected, rows: Mapping[int, CachedRow], is_stretch: bool) -> str:
    """Why rows that were run now and the stored ones of the other kind are not the same."""
    fails = [detail for _, reason, detail in batch.reasons if reason in LASTING]
    if fails and not is_stretch:
        return "a window fails where a longer frame does not"
    if fails and not batch.opens:
        return f"a longer frame fails: {fails[0]}"
    order = {name: place for place, name in enumerate(batch.columns or ())}
    names: set[str] = set()
    for open_us, values in zip(batch.opens, batch.values, strict=True):
        row = rows.get(open_us)
        if row is None or (is_stretch and np.isnan(values).any()):
            continue  # a row with a missing value is never taken from a stretch
        if row.failure is not None:
            return "a window fails where a longer frame does not"
        if set(row.columns) != order.keys():
            return "a longer frame has other columns than a shorter one"
        now = values[[order[name] for name in row.columns]]
        names |= set(differing(row.columns, row.values[None], now[None]))
    return told(sorted(names))
