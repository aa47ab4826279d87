"""What a set of pairs says, in numbers: per side, per day or over a window.

Formulas, units and edge cases are written out in docs/metrics.md; quantiles are
numpy's linear interpolation. NaN (or NaT, NA) stands for "cannot be known".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd


class Unit(StrEnum):
    """What a metric counts or measures; a page writes it accordingly."""

    COUNT = "count"
    PROBABILITY = "probability"
    SIGNED_PROBABILITY = "signed probability"
    RATIO = "ratio"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a set of pairs (at least one): its words, its unit and its formula."""

    name: str
    label: str
    unit: Unit
    meaning: str
    formula: Callable[[pd.DataFrame], Any]


def share_above(above: int, pairs: int) -> float | None:
    """Pairs beyond the tolerance ÷ pairs; None without a pair. 1 of 10 is 0.1 everywhere."""
    return above / pairs if pairs else None


def _known_flips(pairs: pd.DataFrame) -> int | None:
    known = pairs["decision_flip"].astype("boolean").dropna()
    return int(known.sum()) if len(known) else None


def _worst(pairs: pd.DataFrame, column: str) -> Any:
    """A column's value on the earliest candle with the largest difference."""
    return pairs[column].iloc[int(pairs["abs_diff"].to_numpy().argmax())]


def _above(pairs: pd.DataFrame) -> float | None:
    return share_above(int((~pairs["is_aligned"]).sum()), len(pairs))


TABLE = (
    Metric("pairs", "Pairs", Unit.COUNT, "candles with both signals", len),
    Metric(
        "mean_diff",
        "Mean difference",
        Unit.SIGNED_PROBABILITY,
        "production − backtest, probability; its sign says who is higher",
        lambda pairs: pairs["diff"].mean(),
    ),
    Metric(
        "mean_abs_diff",
        "Mean size",
        Unit.PROBABILITY,
        "probability",
        lambda pairs: pairs["abs_diff"].mean(),
    ),
    Metric(
        "median_abs_diff",
        "Median size",
        Unit.PROBABILITY,
        "half of the candles differ by less",
        lambda pairs: pairs["abs_diff"].quantile(0.5),
    ),
    Metric(
        "p95_abs_diff",
        "95th percentile",
        Unit.PROBABILITY,
        "19 of 20 candles differ by less",
        lambda pairs: pairs["abs_diff"].quantile(0.95),
    ),
    Metric(
        "p99_abs_diff",
        "99th percentile",
        Unit.PROBABILITY,
        "99 of 100 candles differ by less",
        lambda pairs: pairs["abs_diff"].quantile(0.99),
    ),
    Metric(
        "max_abs_diff",
        "Largest",
        Unit.PROBABILITY,
        "probability",
        lambda pairs: _worst(pairs, "abs_diff"),
    ),
    Metric(
        "max_at",
        "Largest at",
        Unit.TIME,
        "candle open of the largest difference",
        lambda pairs: _worst(pairs, "candle_open"),
    ),
    Metric(
        "share_above_tolerance",
        "Beyond tolerance",
        Unit.RATIO,
        "share of candles that differ by more than the tolerance",
        _above,
    ),
    Metric(
        "flips",
        "Flips",
        Unit.COUNT,
        "signals on different sides of their threshold",
        lambda pairs: int(pairs["flip"].sum()),
    ),
    Metric(
        "decision_flips",
        "Decision flips",
        Unit.COUNT,
        "candles on which the whole rule decides differently",
        _known_flips,
    ),
)
METRICS = tuple(metric.name for metric in TABLE)
_BY_NAME = {metric.name: metric for metric in TABLE}


def pair_metrics(pairs: pd.DataFrame, by: Sequence[str] = ("side",)) -> pd.DataFrame:
    """METRICS of each group of pairs, one row a group, indexed by the columns `by`.

    `pairs`: candle_open (UTC), side, diff, abs_diff, is_aligned, flip, decision_flip
    (NA where unknown), and any further columns named in `by`. Groups without a pair
    have no row.
    """
    names = list(by)
    groups = list(pairs.groupby(names, observed=True))
    rows = pd.DataFrame([figures(group) for _, group in groups], columns=list(METRICS))
    keys = pd.DataFrame([key for key, _ in groups], columns=names)
    return pd.concat([keys, rows], axis=1).set_index(names)


def figures(pairs: pd.DataFrame) -> dict[str, Any]:
    """Each of METRICS of these pairs (at least one), as plain numbers and a Timestamp."""
    return {metric.name: metric.formula(pairs) for metric in TABLE}


def figure(name: str, pairs: pd.DataFrame) -> Any:
    """One of METRICS of these pairs (at least one); only the columns of its formula are needed."""
    return _BY_NAME[name].formula(pairs)


def matched_ratio(pairs: int, production: int, backtest: int) -> float | None:
    """Pairs ÷ candles with a signal on either side; None where there is no such candle.

    All three are counts inside the overlap of both spans, of one side of the market.
    """
    either = production + backtest - pairs
    return None if either == 0 else pairs / either
