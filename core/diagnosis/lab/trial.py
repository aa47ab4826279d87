"""The laboratory: re-run one side of a comparison in an altered world, and remember it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.arrays import Flags, Floats, Ints
from core.bundle.load import SideModel
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.lab.features import FeatureStore
from core.diagnosis.lab.inputs import (
    NO_SCALER,
    edited_inputs,
    model_inputs,
    ordered_inputs,
    rounded,
    scaled_model,
)
from core.diagnosis.lab.world import Change, Scope, Source, World, altered
from core.market import SIDES


class Laboratory:
    """Re-runs for one evidence; candles are named by their place in `evidence.opens`."""

    def __init__(self, evidence: Evidence, base: World | None = None) -> None:
        self.evidence = evidence
        self.base = base_world(evidence) if base is None else base
        self._features = FeatureStore(evidence, self.base)
        self._known: dict[tuple[World, int], tuple[Flags, Floats]] = {}
        self.reruns = 0

    def probabilities(self, changes: Sequence[Change], places: Ints) -> Floats:
        """Candles × sides of the other side with these changes made; NaN: not computable."""
        result = np.full((len(places), len(SIDES)), np.nan)
        for side, name in enumerate(SIDES):
            acting = [entry for entry in changes if name in entry.sides]
            for rows, active in self._by_activity(acting, places):
                world = altered(self.base, active)
                result[rows, side] = self._side(world, side, places[rows])
        return result

    def features(self, changes: Sequence[Change], places: Ints) -> tuple[tuple[str, ...], Floats]:
        """Feature names and vectors of the world with these changes, whatever their scope."""
        world = altered(self.base, changes)
        columns, matrix, _ = self._features.vectors(world, self._true_opens(world, places))
        return columns, rounded(matrix, world.dtype, world.decimals)

    def _by_activity(
        self, changes: Sequence[Change], places: Ints
    ) -> list[tuple[Ints, list[Change]]]:
        """Rows grouped by which of the changes reach them."""
        labels = self.evidence.opens[places]
        reach = np.array([in_scope(entry.scope, labels) for entry in changes], dtype=bool)
        reach = reach.reshape(len(changes), len(places))
        groups = []
        patterns, which = np.unique(reach, axis=1, return_inverse=True)
        for number in range(patterns.shape[1]):
            rows = np.flatnonzero(which.reshape(-1) == number)
            active = [entry for entry, on in zip(changes, patterns[:, number], strict=True) if on]
            groups.append((rows, active))
        return groups

    def _side(self, world: World, side: int, places: Ints) -> Floats:
        known, values = self._known.setdefault(
            (world, side),
            (
                np.zeros(len(self.evidence.opens), dtype=bool),
                np.full(len(self.evidence.opens), np.nan),
            ),
        )
        wanted = places[~known[places]]
        if len(wanted):
            values[wanted] = self._compute(world, side, wanted)
            known[wanted] = True
            self.reruns += 1
        return np.asarray(values[places])

    def _true_opens(self, world: World, places: Ints) -> npt.NDArray[np.int64]:
        step = self.evidence.timeframe.length_us
        bars = self.evidence.label_shift(places, world.shift_bars) - world.lag_bars
        return np.asarray(self.evidence.opens[places] + bars * step)

    def _compute(self, world: World, side: int, places: Ints) -> Floats:
        opens = self._true_opens(world, places)
        side = 1 - side if world.is_swapped else side
        if world.source is Source.STORED:
            return np.asarray(self.evidence.stored.at(opens)[0][:, side])
        columns, matrix, is_known = self._features.vectors(world, opens)
        result = np.full(len(places), np.nan)
        for number in np.unique(self._bundles(world, places)):
            rows = np.flatnonzero((self._bundles(world, places) == number) & is_known)
            model = self._model(world, int(number), side)
            if model is None or len(rows) == 0:
                continue
            result[rows] = self._score(world, model, columns, matrix[rows])
        absent = self._lacks(world, side, places, opens)
        result[absent] = 0.0 if world.zero_when_missing else np.nan
        return result

    def _score(
        self, world: World, model: SideModel, columns: tuple[str, ...], matrix: Floats
    ) -> Floats:
        log_columns = self.evidence.logged.columns if self.evidence.logged else columns
        inputs = model_inputs(world, model, columns, matrix, log_columns)
        result = np.full(len(matrix), np.nan)
        if inputs is None:
            return result
        finite = ~np.isinf(inputs).any(axis=1)
        result[finite] = model.score(inputs[finite])
        return result

    def filled(
        self, changes: Sequence[Change], names: Sequence[str], value: float | None, places: Ints
    ) -> Floats:
        """Names × candles × sides: probabilities with one feature at a time filled as well.

        `value` None is the scaler's mean. All names are scored in one go; scopes of the
        changes are left aside, as suits a search.
        """
        result = np.full((len(names), len(places), len(SIDES)), np.nan)
        for side, side_name in enumerate(SIDES):
            world = altered(self.base, [entry for entry in changes if side_name in entry.sides])
            columns, matrix, is_known = self._features.vectors(
                world, self._true_opens(world, places)
            )
            bundles = self._bundles(world, places)
            for number in np.unique(bundles):
                model = self._model(world, int(number), 1 - side if world.is_swapped else side)
                rows = np.flatnonzero((bundles == number) & is_known)
                if model is not None and len(rows):
                    result[:, rows, side] = self._filled(
                        world, model, columns, matrix[rows], names, value
                    )
        return result

    def _filled(
        self,
        world: World,
        model: SideModel,
        columns: tuple[str, ...],
        matrix: Floats,
        names: Sequence[str],
        value: float | None,
    ) -> Floats:
        """Names × rows of one model."""
        inputs = edited_inputs(world, model, columns, matrix)
        if inputs is None:
            return np.full((len(names), len(matrix)), np.nan)
        variants = np.repeat(inputs[None], len(names), axis=0)
        centre = model.scaler.centre(len(model.features))
        for variant, name in enumerate(names):
            for place, feature in enumerate(model.features):
                if feature == name:
                    variants[variant, :, place] = centre[place] if value is None else value
        stacked = variants.reshape(-1, inputs.shape[1])
        log_columns = self.evidence.logged.columns if self.evidence.logged else columns
        handed = ordered_inputs(world, model, stacked, log_columns)
        if handed is None:
            return np.full((len(names), len(matrix)), np.nan)
        finite = ~np.isinf(handed).any(axis=1)
        scored = np.full(len(handed), np.nan)
        scored[finite] = model.score(handed[finite])
        return np.asarray(scored.reshape(len(names), len(matrix)))

    def _bundles(self, world: World, places: Ints) -> npt.NDArray[np.int64]:
        if world.bundle is not None:
            return np.full(len(places), world.bundle, dtype="int64")
        if self.evidence.live is None:
            return np.full(len(places), -1, dtype="int64")
        return np.asarray(self.evidence.live[places])

    def _model(self, world: World, bundle: int, side: int) -> SideModel | None:
        """The model of a bundle's side behind this world's scaler; None where it cannot be."""
        if bundle < 0:
            return None
        bundles = self.evidence.bundles
        model = bundles[bundle].sides.get(SIDES[side])
        if model is None or world.scaler is None:
            return model
        if world.scaler.bundle is None:
            return scaled_model(model, NO_SCALER)
        other = bundles[world.scaler.bundle].sides.get(SIDES[side])
        if other is None or len(other.features) != len(model.features):
            return None
        return scaled_model(model, other.scaler)

    def _lacks(self, world: World, side: int, places: Ints, opens: npt.NDArray[np.int64]) -> Flags:
        """Candles whose logged row lacks an input of its model."""
        logged = self.evidence.logged
        is_asked = world.source is Source.LOGGED or world.zero_when_missing
        result = np.zeros(len(places), dtype=bool)
        if logged is None or logged.absent is None or not is_asked:
            return result
        bundles = self._bundles(world, places)
        absent = logged.absent_at(opens)
        for number in np.unique(bundles[bundles >= 0]):
            model = self.evidence.bundles[int(number)].sides.get(SIDES[side])
            if model is not None:
                needed = [
                    place for place, name in enumerate(logged.columns) if name in model.features
                ]
                rows = bundles == number
                result[rows] = absent[np.ix_(rows, needed)].any(axis=1)
        return result


def in_scope(scope: Scope, labels: npt.NDArray[np.int64]) -> Flags:
    """Which labels (µs) a scope holds."""
    if not scope.ranges:
        return np.ones(len(labels), dtype=bool)
    inside = np.zeros(len(labels), dtype=bool)
    for first, last in scope.ranges:
        inside |= (labels >= first) & (labels <= last)
    return inside


def base_world(evidence: Evidence) -> World:
    """The other side as configured."""
    if evidence.kind is Kind.REPLAY:
        return World(source=Source.LOGGED)
    if evidence.kind is Kind.IMPORTED:
        scored = evidence.imported is not None and bool(evidence.bundles)
        return World(
            source=Source.IMPORTED if scored else Source.STORED, bundle=evidence.backtest_bundle
        )
    backtest = evidence.backtest
    if backtest is None:
        raise ValueError("a recomputed comparison needs its backtest's settings")
    return World(
        source=Source.RECOMPUTED if evidence.can_recompute else Source.STORED,
        pipeline=backtest.pipeline,
        candles=evidence.source,
        lookback_bars=backtest.lookback_bars or 0,
        mode=backtest.mode,
        gap_policy=backtest.gap_policy,
        bundle=evidence.backtest_bundle,
    )
