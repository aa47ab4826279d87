"""How features moved: against the scaler that the model was trained with, and against an
earlier stretch of the same log.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.arrays import Floats
from core.bundle.load import SideModel
from core.features.units import Scaling, finest_scalings
from core.market import Side

FEWEST_ROWS = 72  # six hours of five-minute candles; deciles of fewer say nothing
_BINS = 10
_COLUMNS = ("feature", "mean", "deviation", "shift", "spread", "psi", "ks")


def drift_table(
    current: pd.DataFrame, reference: pd.DataFrame | None, models: Mapping[Side, SideModel]
) -> pd.DataFrame:
    """Drift of each feature: feature, mean, deviation, shift, spread, psi, ks.

    `current` and `reference`: candles × features (raw values), of which only finite ones
    count. shift: see `shift`; spread: standard deviation in the same unit; both NaN for a
    feature that no model takes. psi, ks: against `reference`; NaN without one, or where
    either side has fewer than FEWEST_ROWS values.
    """
    scalings = finest_scalings(models)
    rows = []
    for name in current.columns:
        now = _finite(current[name])
        drift = _against(now, reference, name)
        scaling = scalings.get(name)
        deviation = now.std() if len(now) else np.nan
        rows.append(
            {
                "feature": name,
                "mean": now.mean() if len(now) else np.nan,
                "deviation": deviation,
                "shift": np.nan if scaling is None else shift(now, scaling),
                "spread": np.nan if scaling is None else deviation / scaling.unit,
                "psi": drift["psi"],
                "ks": drift["ks"],
            }
        )
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.astype(dict.fromkeys(_COLUMNS[1:], "float64"))


def shift(values: Floats, scaling: Scaling) -> float:
    """Mean of these finite values, scaled: 0 is the scaler's centre; NaN without a value."""
    return float((values.mean() - scaling.centre) / scaling.unit) if len(values) else np.nan


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


def _against(now: Floats, reference: pd.DataFrame | None, name: str) -> dict[str, float | None]:
    if reference is None or name not in reference.columns:
        return moved(np.empty(0), np.empty(0))
    return moved(_finite(reference[name]), now)


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
