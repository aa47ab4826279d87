"""The simulated bot: candles → features → two probabilities → what it logs.

This is the bot's own arithmetic, written apart from the product's, so that a
replay that equals it is a result and not a tautology.
"""

import itertools
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.market import OHLCV
from demo.models import TrainedBundle, TrainedModel
from demo.plan import Plan, Scoring, Seen, Vectors
from demo.simulation import World, pipeline_frame
from reference_pipeline.pipeline import FEATURES, compute_windows

Floats = npt.NDArray[np.float64]
Compute = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Journal:
    """What the bot wrote, before it becomes files."""

    vectors: Vectors
    ohlcv: Floats  # the newest candle as each row saw it
    logged_at: pd.DatetimeIndex
    candle_counts: npt.NDArray[np.int64]
    emitted: pd.DataFrame  # candle_open, long, short, price, logged_at


def run_bot(world: World, plan: Plan) -> Journal:
    """Everything that the bot of this plan logs over the world's bars."""
    vectors = compute_vectors(world, plan)
    for change in plan.vectors:
        vectors = change(vectors)
    ohlcv = _newest(plan.seen)[world.positions]
    logged_at = _logged_at(world, plan)
    emitted = _emit(world, plan, vectors, ohlcv[:, 3], logged_at)
    for alter in plan.logged:
        vectors = alter(vectors)
    up = _logged_bars(world, plan)
    return Journal(
        vectors=Vectors(vectors.opens[up], vectors.columns, vectors.matrix[up]),
        ohlcv=ohlcv[up],
        logged_at=logged_at[up],
        candle_counts=_history(world, plan)[up],
        emitted=emitted,
    )


def compute_vectors(world: World, plan: Plan) -> Vectors:
    """The features as the bot computes them, on the candles as it had them."""
    if plan.compute is not None:
        function = load_function(plan.code, plan.compute)
        columns, matrix = _row_by_row(world, plan, function)
        return Vectors(world.opens, columns, matrix)
    seen = plan.seen
    if seen.newest is not None or seen.history_bars is not None:
        return Vectors(world.opens, *_row_by_row(world, plan, None))
    if _is_whole_market(world, plan):
        return Vectors(world.opens, FEATURES, world.features)
    keep = _present(seen)
    frame = pipeline_frame(world.candles.assign(**_columns(seen.values))[keep])
    positions = np.cumsum(keep)[world.positions] - 1
    return Vectors(world.opens, FEATURES, compute_windows(frame, positions, plan.lookback_bars))


def reference_vectors(world: World) -> Vectors:
    """The log's vectors when nothing is wrong."""
    return Vectors(world.opens, FEATURES, world.features)


def _is_whole_market(world: World, plan: Plan) -> bool:
    return (
        plan.seen.present is None
        and plan.lookback_bars == world.lookback_bars
        and np.array_equal(plan.seen.values, world.candles[list(OHLCV)].to_numpy())
    )


def _row_by_row(
    world: World, plan: Plan, function: Compute | None
) -> tuple[tuple[str, ...], Floats]:
    """One frame a candle: history as stored, the newest candle as it stood then."""
    seen, newest, keep = plan.seen, _newest(plan.seen), _present(plan.seen)
    stamps = world.market.opens
    history = _history(world, plan)
    rows, columns = [], FEATURES
    for position, bars in zip(world.positions.tolist(), history.tolist(), strict=True):
        bars_kept = np.flatnonzero(keep[: position + 1])[-bars:]
        values = seen.values[bars_kept]
        values[-1] = newest[bars_kept[-1]]
        frame = pd.DataFrame(values, columns=list(OHLCV))
        frame.insert(0, "timestamp", stamps[bars_kept])
        if function is None:
            rows.append(compute_windows(frame, np.array([len(frame) - 1]), len(frame))[0])
        else:
            row = function(frame).iloc[-1]
            columns = tuple(row.index)
            rows.append(row.to_numpy(dtype="float64"))
    return columns, np.array(rows)


def load_function(code: Mapping[str, str], spec: str) -> Compute:
    """The function "module:name" of a plan's code files."""
    module_name, name = spec.split(":")
    path = f"code/{module_name}.py"
    function: Compute = getattr(_module(path, code[path]), name)
    return function


@lru_cache(maxsize=64)
def _module(path: str, source: str) -> types.ModuleType:
    module = types.ModuleType(path)
    exec(compile(source, path, "exec"), module.__dict__)
    return module


def _newest(seen: Seen) -> Floats:
    return seen.values if seen.newest is None else seen.newest


def _present(seen: Seen) -> npt.NDArray[np.bool_]:
    return np.ones(len(seen.values), dtype=bool) if seen.present is None else seen.present


def _history(world: World, plan: Plan) -> npt.NDArray[np.int64]:
    """Candles that the bot had at each bar of the log."""
    if plan.seen.history_bars is not None:
        return plan.seen.history_bars[world.positions]
    return np.full(len(world.positions), plan.lookback_bars, dtype="int64")


def _columns(values: Floats) -> dict[str, Floats]:
    return {name: values[:, number] for number, name in enumerate(OHLCV)}


def _logged_bars(world: World, plan: Plan) -> npt.NDArray[np.bool_]:
    """Bars with a row: the bot was up, and the candle reached it."""
    up = _present(plan.seen)[world.positions]
    return up if plan.is_down is None else up & ~plan.is_down[world.positions]


def _logged_at(world: World, plan: Plan) -> pd.DatetimeIndex:
    jitter = np.random.default_rng([world.seed, 5]).uniform(0.0, 1.5, len(world.positions))
    closes = world.opens + pd.Timedelta(world.timeframe.length)
    seconds = pd.to_timedelta(np.round(plan.delay_s + jitter, 3), unit="s")
    return pd.DatetimeIndex((closes + seconds).as_unit("us"))


def _emit(
    world: World, plan: Plan, vectors: Vectors, prices: Floats, logged_at: pd.DatetimeIndex
) -> pd.DataFrame:
    long, short = probabilities(world, plan, vectors)
    emitted = pd.DataFrame(
        {
            "candle_open": world.opens,
            "long": long,
            "short": short,
            "price": prices,
            "logged_at": logged_at,
        }
    )[_logged_bars(world, plan)].reset_index(drop=True)
    for change in plan.emitted:
        emitted = change(emitted)
    return emitted


def probabilities(world: World, plan: Plan, vectors: Vectors) -> tuple[Floats, Floats]:
    """LONG and SHORT of every row, by the bundle that was really live at it."""
    models = {**world.bundles, **plan.bundles}
    rows = len(vectors.matrix)
    result = np.full((rows, 2), np.nan)
    spans = [*plan.scoring.bundles, (1.0, "")]
    for (start, name), (end, _) in itertools.pairwise(spans):
        part = slice(round(start * rows), round(end * rows))
        piece = Vectors(vectors.opens[part], vectors.columns, vectors.matrix[part])
        for number, side in enumerate(("long", "short")):
            result[part, number] = _score(models, plan.scoring, name, side, piece)
    if plan.scoring.is_swapped:
        result = result[:, ::-1]
    return result[:, 0], result[:, 1]


def _score(
    models: dict[str, TrainedBundle], scoring: Scoring, bundle: str, side: str, vectors: Vectors
) -> Floats:
    model: TrainedModel = getattr(models[bundle], side)
    matrix = vectors.select(_ordered(scoring, model, vectors)).copy()
    for name in scoring.filled_with_zero:
        if name in model.features:
            matrix[:, model.features.index(name)] = 0.0
    if scoring.nan_as is not None:
        matrix = np.where(np.isnan(matrix), scoring.nan_as, matrix)
    if scoring.scaler == "none":
        return model.probabilities_of_scaled(matrix)
    if scoring.scaler == "own":
        return model.probabilities(matrix)
    other: TrainedModel = getattr(models[scoring.scaler], side)
    return model.probabilities_of_scaled((matrix - other.mean) / other.scale)


def _ordered(scoring: Scoring, model: TrainedModel, vectors: Vectors) -> tuple[str, ...]:
    """The names in the order in which the bot hands them to scaler and model."""
    if scoring.order == "alphabetical":
        return tuple(sorted(model.features))
    if scoring.order == "log":
        return tuple(name for name in vectors.columns if name in model.features)
    return model.features
