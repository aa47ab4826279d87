"""Did the market's features move? Against the scaler, and against an earlier stretch of the log.

Drift is no cause of a difference between two sides; it is what stands beside "signals
agree" when results still differ. Neighbouring candles are alike, so the number of
independent rows, not of rows, decides how sure a Kolmogorov-Smirnov test may be.
"""

from typing import Any

import numpy as np

from core.arrays import Flags, Floats
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.features.feature_drift import FEWEST_ROWS, moved, shift
from core.features.units import finest_scalings
from core.times import from_us, iso_z

_SHOWN = 15  # those that moved most, a screen of them


def drift_of(evidence: Evidence) -> dict[str, Any] | None:
    """Shift against the scaler, PSI and KS of the logged features.

    None without a feature log, or where it holds no candle of the window.
    """
    logged = evidence.logged
    if logged is None or len(evidence.opens) == 0:
        return None
    reference, current = _windows(evidence, logged)
    if not current.any():
        return None
    features = _features(evidence, logged, reference, current)
    return {
        "window": _span(logged, current),
        "reference": _span(logged, reference) if reference.any() else None,
        "features": sorted(features, key=_size, reverse=True)[:_SHOWN],
        "training": None,  # no sample of the training data is configured
    }


def _windows(evidence: Evidence, logged: FeatureRows) -> tuple[Flags, Flags]:
    """Rows of the reference and of the window; the first half is the reference of a whole log."""
    current = (logged.opens >= evidence.opens[0]) & (logged.opens <= evidence.opens[-1])
    reference = logged.opens < evidence.opens[0]
    if reference.sum() >= FEWEST_ROWS:
        return reference, current
    rows = np.flatnonzero(current)
    if len(rows) < 2 * FEWEST_ROWS:
        return np.zeros(len(logged.opens), dtype=bool), current
    half = rows[len(rows) // 2]
    place = np.arange(len(logged.opens))
    return current & (place < half), current & (place >= half)


def _span(logged: FeatureRows, rows: Flags) -> dict[str, Any]:
    opens = logged.opens[rows]
    return {
        "from": iso_z(from_us(int(opens[0]))),
        "last": iso_z(from_us(int(opens[-1]))),
        "rows": len(opens),
    }


def _features(
    evidence: Evidence, logged: FeatureRows, reference: Flags, current: Flags
) -> list[dict[str, Any]]:
    """One entry a feature of the live models, in the unit of the side that scales it finer."""
    number = evidence.mostly_live
    models = {} if number is None else evidence.bundles[number].sides
    entries = []
    for name, scaling in finest_scalings(models).items():
        column = logged.column(name)
        now = np.empty(0) if column is None else _finite(logged.matrix[current, column])
        if len(now) == 0:
            continue
        before = _finite(logged.matrix[reference, column])
        entry = {"feature": name, "side": scaling.side, "z_shift": shift(now, scaling)}
        entries.append({**entry, **moved(before, now)})
    return entries


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _size(entry: dict[str, Any]) -> float:
    return float(entry["psi"] if entry["psi"] is not None else abs(entry["z_shift"]))
