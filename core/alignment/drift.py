"""How features moved: against the scaler that the model was trained with, and against an
earlier stretch of the same log.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.bundle.load import SideModel
from core.bundle.scaler import ScalerKind
from core.side import Side

_BINS = 10
_FLOOR = 1e-4  # share given to an empty bin, so that one empty bin is no infinity

Floats = npt.NDArray[np.float64]


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


def population_stability(reference: Floats, current: Floats) -> float:
    """Σ (c − r) · ln(c / r) over ten bins with equal shares of the reference.

    0: the same distribution; above 0.25 is commonly called a shift.
    """
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1), 0)
        / len(values)
        for values in (reference, current)
    ]
    r, c = (np.maximum(share, _FLOOR) for share in shares)
    return float(np.sum((c - r) * np.log(c / r)))


def kolmogorov_smirnov(reference: Floats, current: Floats) -> float:
    """The largest distance between both cumulative distributions, 0..1."""
    both = np.sort(np.concatenate([reference, current]))
    first = np.searchsorted(np.sort(reference), both, side="right") / len(reference)
    second = np.searchsorted(np.sort(current), both, side="right") / len(current)
    return float(np.abs(first - second).max())


_MIN_VALUES = 20


def _against(values: pd.Series, reference: pd.DataFrame | None, name: str) -> tuple[float, float]:
    if reference is None or name not in reference.columns:
        return float("nan"), float("nan")
    now = values.to_numpy(dtype="float64")
    before = reference[name].to_numpy(dtype="float64")
    now, before = now[np.isfinite(now)], before[np.isfinite(before)]
    if min(len(now), len(before)) < _MIN_VALUES:
        return float("nan"), float("nan")
    return population_stability(before, now), kolmogorov_smirnov(before, now)


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
