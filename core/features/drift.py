"""How features moved: against the scaler that the model was trained with, and against an
earlier stretch of the same log.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.arrays import Floats
from core.bundle.load import SideModel
from core.bundle.scaler import ScalerKind
from core.market import Side


def drift_table(
    current: pd.DataFrame, reference: pd.DataFrame | None, models: Mapping[Side, SideModel]
) -> pd.DataFrame:
    """Drift of each feature: feature, mean, deviation, shift, spread, psi, ks.

    `current` and `reference`: candles × features (raw values). shift: distance of the
    mean from the scaler's mean in scaler units; spread: standard deviation ÷ the
    scaler's; both NaN without a standard scaler. psi, ks: against `reference`; NaN
    without one, or where either side has fewer than 20 values.
    """
    centre, unit = _trained(models)
    mean, deviation = current.mean(), current.std(ddof=0)
    names = list(current.columns)
    offsets = pd.Series({name: centre.get(name, np.nan) for name in names}, dtype="float64")
    units = pd.Series({name: unit.get(name, np.nan) for name in names}, dtype="float64")
    pairs = [_against(current[name], reference, name) for name in names]
    return pd.DataFrame(
        {
            "feature": names,
            "mean": mean.to_numpy(),
            "deviation": deviation.to_numpy(),
            "shift": ((mean - offsets) / units).to_numpy(),
            "spread": (deviation / units).to_numpy(),
            "psi": [psi for psi, _ in pairs],
            "ks": [ks for _, ks in pairs],
        }
    )


_MIN_VALUES = 20


def _against(values: pd.Series, reference: pd.DataFrame | None, name: str) -> tuple[float, float]:
    if reference is None or name not in reference.columns:
        return float("nan"), float("nan")
    now = values.to_numpy(dtype="float64")
    before = reference[name].to_numpy(dtype="float64")
    now, before = now[np.isfinite(now)], before[np.isfinite(before)]
    if min(len(now), len(before)) < _MIN_VALUES:
        return float("nan"), float("nan")
    from scipy.stats import ks_2samp

    statistic = float(ks_2samp(before, now, method="asymp").statistic)
    return population_stability(before, now), statistic


def _trained(models: Mapping[Side, SideModel]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and scale of each feature by standard scalers; of the first side that has it."""
    centre: dict[str, float] = {}
    unit: dict[str, float] = {}
    for model in models.values():
        scaler = model.scaler
        if scaler.kind is not ScalerKind.STANDARD or scaler.offset is None or scaler.scale is None:
            continue
        for name, offset, scale in zip(model.features, scaler.offset, scaler.scale, strict=True):
            centre.setdefault(name, offset)
            unit.setdefault(name, scale)
    return centre, unit


_BINS = 10


def population_stability(before: Floats, now: Floats) -> float:
    """Population stability index over the deciles of `before`: both relative entropies added."""
    from scipy.stats import entropy

    edges = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = []
    for values in (before, now):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        shares.append((counts + 0.5) / (counts + 0.5).sum())  # an empty bin is not infinite
    return float(entropy(shares[0], shares[1]) + entropy(shares[1], shares[0]))
