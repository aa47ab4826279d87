"""How features moved: against the scaler that the model was trained with, and against an
earlier stretch of the same log.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.arrays import Floats
from core.bundle.load import SideModel
from core.features.units import trained_means
from core.market import Side

_MIN_VALUES = 20
_BINS = 10


def drift_table(
    current: pd.DataFrame, reference: pd.DataFrame | None, models: Mapping[Side, SideModel]
) -> pd.DataFrame:
    """Drift of each feature: feature, mean, deviation, shift, spread, psi, ks.

    `current` and `reference`: candles × features (raw values). shift: distance of the
    mean from the scaler's mean in scaler units; spread: standard deviation ÷ the
    scaler's; both by the side with the finer unit, NaN without a standard scaler.
    psi, ks: against `reference`; NaN without one, or where either side has fewer than 20
    values.
    """
    trained = trained_means(models)
    mean, deviation = current.mean(), current.std(ddof=0)
    names = list(current.columns)
    known = [trained.get(name, (np.nan, np.nan)) for name in names]
    offsets = pd.Series([centre for centre, _ in known], index=names, dtype="float64")
    units = pd.Series([unit for _, unit in known], index=names, dtype="float64")
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


def population_stability(before: Floats, now: Floats) -> float:
    """Population stability index over the deciles of `before`: both relative entropies added."""
    from scipy.stats import entropy

    edges = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = []
    for values in (before, now):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        shares.append((counts + 0.5) / (counts + 0.5).sum())  # an empty bin is not infinite
    return float(entropy(shares[0], shares[1]) + entropy(shares[1], shares[0]))
