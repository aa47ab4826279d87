"""What a set of pairs says, in numbers: per side, per day or over a window.

Formulas, units and edge cases are written out in docs/metrics.md; quantiles are
numpy's linear interpolation. NaN (or NaT, NA) stands for "cannot be known".
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

METRICS = (
    "pairs",
    "mean_diff",
    "mean_abs_diff",
    "median_abs_diff",
    "p95_abs_diff",
    "p99_abs_diff",
    "max_abs_diff",
    "max_at",
    "share_above_tolerance",
    "flips",
    "decision_flips",
)


def pair_metrics(pairs: pd.DataFrame, by: Sequence[str] = ("side",)) -> pd.DataFrame:
    """METRICS of each group of pairs, one row a group, indexed by the columns `by`.

    `pairs`: candle_open (UTC), side, diff, abs_diff, is_aligned, flip, decision_flip
    (NA where unknown), and any further columns named in `by`. Groups without a pair
    have no row.
    """
    names = list(by)
    groups = list(pairs.groupby(names, observed=True))
    rows = pd.DataFrame([_summary(group) for _, group in groups], columns=list(METRICS))
    keys = pd.DataFrame([key for key, _ in groups], columns=names)
    return pd.concat([keys, rows], axis=1).set_index(names)


def share_above(above: int, pairs: int) -> float | None:
    """Pairs beyond the tolerance ÷ pairs; None without a pair. 1 of 10 is 0.1 everywhere."""
    return above / pairs if pairs else None


def matched_ratio(pairs: int, production: int, backtest: int) -> float | None:
    """Pairs ÷ candles with a signal on either side; None where there is no such candle.

    All three are counts inside the overlap of both spans, of one side of the market.
    """
    either = production + backtest - pairs
    return None if either == 0 else pairs / either


def _summary(pairs: pd.DataFrame) -> dict[str, Any]:
    sizes = pairs["abs_diff"]
    worst = int(sizes.to_numpy().argmax())
    median, p95, p99 = sizes.quantile([0.5, 0.95, 0.99])
    known = pairs["decision_flip"].astype("boolean").dropna()
    return {
        "pairs": len(pairs),
        "mean_diff": pairs["diff"].mean(),
        "mean_abs_diff": sizes.mean(),
        "median_abs_diff": median,
        "p95_abs_diff": p95,
        "p99_abs_diff": p99,
        "max_abs_diff": sizes.iloc[worst],
        "max_at": pairs["candle_open"].iloc[worst],
        "share_above_tolerance": share_above(int((~pairs["is_aligned"]).sum()), len(pairs)),
        "flips": int(pairs["flip"].sum()),
        "decision_flips": int(known.sum()) if len(known) else None,
    }
