"""Feature vectors of any world, computed once and remembered by what decides them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from core.arrays import Flags, Floats, Ints
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import CandleRows, FeatureRows, locate
from core.diagnosis.lab.inputs import rounded
from core.diagnosis.lab.world import NanPolicy, Source, World
from core.times import DAY_US

_FILL_BACK_BARS = 48  # four hours of 5-minute bars; no bot carries a value for longer


class FeatureStore:
    """Vectors by world; recomputed ones are added to as more candles are asked for."""

    def __init__(self, evidence: Evidence, base: World | None = None) -> None:
        self._evidence = evidence
        self._rows: dict[tuple[Any, ...], FeatureRows] = {}
        if base is not None and evidence.recomputed is not None:
            self._rows[base.feature_key] = evidence.recomputed
        self._candles: dict[tuple[Any, ...], CandleRows] = {}

    def vectors(self, world: World, opens: Ints) -> tuple[tuple[str, ...], Floats, Flags]:
        """Column names, candles × columns, and which candles have a vector."""
        rows = self._available(world, opens)
        if rows is None:
            return (), np.full((len(opens), 0), np.nan), np.zeros(len(opens), dtype=bool)
        matrix, is_known = rows.at(opens)
        is_known &= ~np.isnan(matrix).all(axis=1)  # asked for before, and not computable
        if world.nan_policy is NanPolicy.LAST:
            matrix = self._carried(world, opens, matrix)
        return rows.columns, matrix, is_known

    def _available(self, world: World, opens: Ints) -> FeatureRows | None:
        if world.source is Source.LOGGED:
            return self._evidence.logged
        if world.source is Source.IMPORTED:
            return self._evidence.imported
        return self._recomputed(world, np.unique(opens))

    def _recomputed(self, world: World, opens: Ints) -> FeatureRows | None:
        if self._evidence.recompute is None:
            return None
        known = self._rows.get(world.feature_key)
        wanted = opens if known is None else np.setdiff1d(opens, known.opens)
        if len(wanted):
            known = merged(known, self._compute(world, wanted))
            self._rows[world.feature_key] = known
        return known

    def _carried(self, world: World, opens: Ints, matrix: Floats) -> Floats:
        """NaN takes the column's last value before it."""
        matrix, step = matrix.copy(), self._evidence.timeframe.length_us
        for back in range(1, _FILL_BACK_BARS + 1):
            holes = np.isnan(matrix)
            places = np.flatnonzero(holes.any(axis=1))
            if len(places) == 0:
                break
            rows = self._available(world, opens[places] - back * step)
            if rows is None:
                break
            earlier, _ = rows.at(opens[places] - back * step)
            matrix[places] = np.where(holes[places], earlier, matrix[places])
        return matrix

    def candles(self, world: World) -> CandleRows:
        """The candles of a world after its patches."""
        key = (world.candles, world.patches, world.candle_dtype, world.candle_decimals)
        if key not in self._candles:
            rows = self._evidence.candles[str(world.candles)]
            for patch in world.patches:
                rows = patch.rule(rows, self._other(patch.source))
            values = rounded(rows.values, world.candle_dtype, world.candle_decimals)
            self._candles[key] = CandleRows(rows.opens, values)
        return self._candles[key]

    def _other(self, source: str) -> CandleRows:
        """A source by name, or the unfinished rows that one held before it revised them."""
        if source in self._evidence.candles:
            return self._evidence.candles[source]
        return self._evidence.unfinished[source]

    def _compute(self, world: World, opens: Ints) -> FeatureRows:
        recompute = self._evidence.recompute
        if recompute is None or world.pipeline is None:
            raise ValueError("nothing to recompute with")
        candles = self.candles(world)
        pieces: FeatureRows | None = None
        for lookback, part in self._by_lookback(world, opens):
            if world.newest is not None:
                newest = self._other(world.newest)
                fresh = _with_newest(recompute, world, candles, newest, part, lookback)
            else:
                fresh = recompute(
                    world.pipeline, candles, part, lookback, world.mode, world.gap_policy
                )
            pieces = merged(pieces, fresh)
        if pieces is None:
            raise ValueError("no candle was asked for")
        return completed(pieces, opens)

    def _by_lookback(self, world: World, opens: Ints) -> list[tuple[int, Ints]]:
        lookbacks = np.full(len(opens), world.lookback_bars, dtype="int64")
        step = self._evidence.timeframe.length_us
        for first, seen in world.starts:
            after = opens >= first
            grown = seen + (opens[after] - first) // step
            lookbacks[after] = np.clip(grown, 1, world.lookback_bars)
        return [(int(bars), opens[lookbacks == bars]) for bars in np.unique(lookbacks)]


def _with_newest(
    recompute: Callable[..., FeatureRows],
    world: World,
    candles: CandleRows,
    newest: CandleRows,
    opens: Ints,
    lookback: int,
) -> FeatureRows:
    """One window a candle whose last row is `newest`'s, all computed in one go.

    The windows are laid one after the other, each moved by whole weeks, so that a
    feature that looks at the time of day or the weekday sees the same.
    """
    week = 7 * DAY_US
    places, is_stored = locate(candles.opens, opens)
    last, has_last = newest.at(opens)
    usable = np.flatnonzero(is_stored & has_last & (places >= lookback - 1))
    if len(usable) == 0:
        return FeatureRows(np.empty(0, dtype="int64"), (), np.empty((0, 0)))
    window = np.arange(-lookback + 1, 1)
    grid = places[usable][:, None] + window[None, :]
    times = candles.opens[grid]
    spans = -(-(times[:, -1] - times[:, 0]).max() // week) + 1
    moves = (
        np.arange(len(usable), dtype="int64") * spans * week
        + (opens[usable[0]] - opens[usable]) // week * week
    )
    values = candles.values[grid]
    values[:, -1, :] = last[usable]
    laid = CandleRows((times + moves[:, None]).reshape(-1), values.reshape(-1, values.shape[-1]))
    ends = times[:, -1] + moves
    result = recompute(str(world.pipeline), laid, ends, lookback, world.mode, world.gap_policy)
    at, there = locate(result.opens, ends)
    return FeatureRows(opens[usable[there]], result.columns, result.matrix[at[there]])


def merged(known: FeatureRows | None, fresh: FeatureRows) -> FeatureRows:
    """Both together, sorted by candle open."""
    if known is None or not known.columns:
        return fresh
    if not fresh.columns:
        return FeatureRows(known.opens, known.columns, known.matrix)
    if known.columns != fresh.columns:
        places = [fresh.columns.index(name) for name in known.columns]
        fresh = FeatureRows(fresh.opens, known.columns, fresh.matrix[:, places])
    opens = np.concatenate([known.opens, fresh.opens])
    order: npt.NDArray[np.int64] = np.argsort(opens, kind="stable")
    matrix = np.concatenate([known.matrix, fresh.matrix])
    return FeatureRows(opens[order], known.columns, matrix[order])


def completed(rows: FeatureRows, opens: Ints) -> FeatureRows:
    """With a row of NaN for each candle that could not be computed, so it is not tried again."""
    lacking = np.setdiff1d(opens, rows.opens)
    if len(lacking) == 0:
        return rows
    empty = FeatureRows(lacking, rows.columns, np.full((len(lacking), len(rows.columns)), np.nan))
    return merged(rows, empty) if rows.columns else empty
