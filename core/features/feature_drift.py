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

FEWEST_ROWS = 72  # six hours of five-minute candles; deciles of fewer say nothing
_BINS = 10


def drift_table(
    current: pd.DataFrame, reference: pd.DataFrame | None, models: Mapping[Side, SideModel]
) -> pd.DataFrame:
    """Drift of each feature: feature, mean, deviation, shift, spread, psi, ks.

    `current` and `reference`: candles × features (raw values). shift: distance of the
    mean from the scaler's mean in scaler units; spread: standard deviation ÷ the
    scaler's; both by the side with the finer unit, NaN without a standard scaler.
    psi, ks: against `reference`; NaN without one, or where either side has fewer than
    FEWEST_ROWS values.
    """
    trained = trained_means(models)
    mean, deviation = current.mean(), current.std(ddof=0)
    names = list(current.columns)
    known = [trained.get(name, (np.nan, np.nan)) for name in names]
    offsets = pd.Series([centre for centre, _ in known], index=names, dtype="float64")
    units = pd.Series([unit for _, unit in known], index=names, dtype="float64")
    drifts = [_against(current, reference, name) for name in names]
    return pd.DataFrame(
        {
            "feature": names,
            "mean": mean.to_numpy(),
            "deviation": deviation.to_numpy(),
            "shift": ((mean - offsets) / units).to_numpy(),
            "spread": (deviation / units).to_numpy(),
            "psi": pd.Series([drift["psi"] for drift in drifts], dtype="float64"),
            "ks": pd.Series([drift["ks"] for drift in drifts], dtype="float64"),
        }
    )


def moved(before: Floats, now: Floats) -> dict[str, float | None]:
    """PSI, KS and its p-value at the effective sizes of two stretches of finite values.

    None where either has fewer than FEWEST_ROWS.
    """
    if min(len(before), len(now)) < FEWEST_ROWS:
        return {"psi": None, "ks": None, "ks_p_value": None, "effective_rows": None}
    from scipy.stats import ks_2samp, kstwobign

    mine, other = effective_rows(now), effective_rows(before)
    statistic = float(ks_2samp(before, now, method="asymp").statistic)
    together = mine * other / (mine + other)
    return {
        "psi": population_stability(before, now),
        "ks": statistic,
        "ks_p_value": float(kstwobign.sf(statistic * np.sqrt(together))),
        "effective_rows": mine,
    }


def _against(
    current: pd.DataFrame, reference: pd.DataFrame | None, name: str
) -> dict[str, float | None]:
    if reference is None or name not in reference.columns:
        return moved(np.empty(0), np.empty(0))
    return moved(_finite(reference[name]), _finite(current[name]))


def _finite(values: pd.Series) -> Floats:
    numbers = values.to_numpy(dtype="float64")
    return np.asarray(numbers[np.isfinite(numbers)])


def population_stability(before: Floats, now: Floats) -> float:
    """Population stability index over the deciles of `before`: both relative entropies added."""
    from scipy.stats import entropy

    edges = np.unique(np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = []
    for values in (before, now):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        shares.append((counts + 0.5) / (counts + 0.5).sum())  # an empty bin is not infinite
    return float(entropy(shares[0], shares[1]) + entropy(shares[1], shares[0]))


def effective_rows(values: Floats) -> float:
    """Independent rows that carry as much: n / (1 + 2 Σ autocorrelation), at least 1.

    The sum ends before the first lag whose autocorrelation is not positive.
    """
    centred = values - values.mean()
    power = float(centred @ centred)
    if power == 0.0:
        return 1.0
    size = len(values)
    spectrum = np.fft.rfft(centred, 2 * size)
    lags = np.fft.irfft(spectrum * np.conj(spectrum))[1:size] / power
    ends = np.flatnonzero(lags <= 0)
    positive = lags[: ends[0]] if len(ends) else lags
    return float(max(1.0, size / (1 + 2 * positive.sum())))
