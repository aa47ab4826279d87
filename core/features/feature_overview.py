"""A window's features seen from afar, on a spread sample of its candles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.bundle.load import Bundle
from core.features.compare import compare_features
from core.features.feature_drift import drift_table
from core.features.units import feature_units

SAMPLE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureOverview:
    """`table`: one row a feature, worst agreement first: the columns of
    core.features.compare.FeatureComparison.features (absent without recomputed features)
    and of core.features.feature_drift.drift_table. `collisions`: groups of features that are
    equal on every sampled candle of one side only: (side, names).
    """

    table: pd.DataFrame
    sampled: int
    stored: int
    compared: int
    only_logged: tuple[str, ...]
    only_recomputed: tuple[str, ...]
    collisions: tuple[tuple[str, tuple[str, ...]], ...]
    has_reference: bool

    @property
    def is_sample(self) -> bool:
        return self.sampled < self.stored


def spread_sample(opens: npt.NDArray[np.int64], size: int = SAMPLE) -> npt.NDArray[np.int64]:
    """At most `size` of these candle opens, spread evenly, the first and the last among them."""
    if len(opens) <= size:
        return opens
    places = np.linspace(0, len(opens) - 1, size).round().astype("int64")
    return np.asarray(opens[np.unique(places)])


def summarise_features(
    logged: pd.DataFrame,
    recomputed: pd.DataFrame,
    reference: pd.DataFrame,
    bundle: Bundle | None,
    *,
    stored: int,
) -> FeatureOverview:
    """Sum up sampled vectors, frames of features indexed by candle_open (UTC).

    `reference` holds candles before the window (empty: none); `stored` counts the
    candles that the sample was drawn from.
    """
    models = {} if bundle is None else dict(bundle.sides)
    units: Mapping[str, float] = {} if bundle is None else feature_units(bundle.sides)
    drift = drift_table(logged, None if reference.empty else reference, models)
    table, compared = drift, 0
    only_logged: tuple[str, ...] = ()
    only_recomputed: tuple[str, ...] = ()
    if not recomputed.empty:
        comparison = compare_features(logged, recomputed, units)
        table = comparison.features.merge(drift, on="feature", how="left", validate="one_to_one")
        compared = comparison.candles
        only_logged, only_recomputed = comparison.only_logged, comparison.only_recomputed
    return FeatureOverview(
        table=table,
        sampled=len(logged),
        stored=stored,
        compared=compared,
        only_logged=only_logged,
        only_recomputed=only_recomputed,
        collisions=collisions(logged, recomputed),
        has_reference=not reference.empty,
    )


def collisions(
    logged: pd.DataFrame, recomputed: pd.DataFrame
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Features that are equal on every candle of one side and not of the other.

    Two columns that hold the same values on one side only were overwritten there. Needs
    both sides on at least 20 common candles.
    """
    common = logged.index.intersection(recomputed.index)
    names = [name for name in logged.columns if name in recomputed.columns]
    if len(common) < _MIN_CANDLES or not names:
        return ()
    left, right = logged.loc[common, names], recomputed.loc[common, names]
    groups = [("logged", group) for group in _equal_columns(left, other=right)]
    groups += [("recomputed", group) for group in _equal_columns(right, other=left)]
    return tuple(groups)


_MIN_CANDLES = 20


def _equal_columns(frame: pd.DataFrame, *, other: pd.DataFrame) -> list[tuple[str, ...]]:
    groups: dict[bytes, list[str]] = {}
    for name in frame.columns:
        values = frame[name].to_numpy(dtype="float64")
        if len(np.unique(values)) > 1:  # constants are listed as such
            groups.setdefault(values.tobytes(), []).append(str(name))
    return [tuple(names) for names in groups.values() if len(names) > 1 and _differ(other, names)]


def _differ(frame: pd.DataFrame, names: Sequence[str]) -> bool:
    return len({frame[name].to_numpy(dtype="float64").tobytes() for name in names}) > 1
