"""How features and signals depend on the lookback, and which lookback production used.

A sample of candles is recomputed at a ladder of lookbacks and set against what
the bot logged. See docs/backtests.md, section "Lookback sensitivity".
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.alignment.metrics import figure
from core.arrays import Flags
from core.features.compare import CLOSE_RELATIVE
from core.market import Side
from core.recompute.compute import Request, VectorCache, recompute_features
from core.recompute.order import spread_order
from core.scoring.recomputed_rows import Scorer, score_rows
from core.times import us_from_index

Thresholds = Callable[[pd.DatetimeIndex], pd.DataFrame]


@dataclass(frozen=True)
class SensitivityReport:
    """What the ladder shows.

    ladder: lookbacks that could be computed on at least one candle, rising.
    features: one row a feature that both sides have: feature, compared
    (values), smallest_match (the smallest lookback whose values all reach the
    logged ones within 1e-9 relative; NaN: none), stays (whether every longer
    lookback matches as well), equal_at_match (to the bit there), and
    max_relative_diff at the best lookback. signals: lookback_bars, side,
    candles, mean_abs_diff, max_abs_diff, flips. matching_lookbacks: those at
    which all compared features match at once. missing: candles of the sample
    without a value, by lookback.
    """

    ladder: tuple[int, ...]
    sample: pd.DatetimeIndex
    features: pd.DataFrame
    signals: pd.DataFrame
    matching_lookbacks: tuple[int, ...]
    missing: Mapping[int, int]
    pending: int = 0

    @property
    def true_lookback(self) -> int | None:
        """The one lookback that matches every feature; None when none does or several do."""
        return self.matching_lookbacks[0] if len(self.matching_lookbacks) == 1 else None


def choose_sample(candle_opens: pd.DatetimeIndex, size: int) -> pd.DatetimeIndex:
    """Candles spread evenly over the window."""
    chosen = sorted(spread_order(len(candle_opens))[:size])
    return candle_opens.sort_values()[chosen]


def lookback_sensitivity(
    request: Request,
    candles: pd.DataFrame,
    logged: pd.DataFrame,
    ladder: Sequence[int],
    *,
    now: datetime,
    scorer: Scorer | None = None,
    production: pd.DataFrame | None = None,
    thresholds: Thresholds | None = None,
    executor: Executor | None = None,
    cache: VectorCache | None = None,
) -> SensitivityReport:
    """Recompute the logged candles at each lookback of the ladder and compare.

    request: as the backtest has it, but for its lookback; its budget is for the whole
    ladder. logged: features indexed by candle_open (UTC): the sample. production:
    candle_open, side, probability. thresholds: candle opens → columns
    long_threshold, short_threshold of the rule live there; without them flips
    are not known. Rungs that the budget does not reach are absent. Raises PipelineError
    as recompute_features does.
    """
    end = time.monotonic() + request.budget_s
    sample = pd.DatetimeIndex(logged.index)
    rungs: dict[int, pd.DataFrame] = {}
    signals, missing, pending = [], {}, 0
    for bars in sorted(set(ladder)):
        if rungs and time.monotonic() >= end:
            pending += len(sample)
            continue
        left_s = max(0.0, end - time.monotonic())
        result = recompute_features(
            replace(request, lookback_bars=bars, budget_s=left_s),
            candles,
            sample,
            now=now,
            executor=executor,
            cache=cache,
        )
        missing[bars] = len(sample) - len(result.features)
        pending += int((result.reasons["reason"] == "pending").sum())
        if result.features.empty:
            continue
        rungs[bars] = result.features
        if scorer is not None and production is not None:
            parts = score_rows(scorer, result.features, result.warming)
            scored = pd.concat([part.signals for part in parts], ignore_index=True)
            signals += compare_signals(bars, production, scored, thresholds)
    matches = {bars: _matches(logged, features) for bars, features in rungs.items()}
    return SensitivityReport(
        ladder=tuple(rungs),
        sample=sample,
        features=_feature_table(matches),
        signals=pd.DataFrame(signals, columns=list(_SIGNAL_COLUMNS)),
        matching_lookbacks=tuple(
            bars
            for bars, table in matches.items()
            if len(table) and missing[bars] == 0 and table["all_match"].all()
        ),
        missing=missing,
        pending=pending,
    )


_SIGNAL_COLUMNS = ("lookback_bars", "side", "candles", "mean_abs_diff", "max_abs_diff", "flips")


def compare_signals(
    lookback_bars: int,
    production: pd.DataFrame,
    recomputed: pd.DataFrame,
    thresholds: Thresholds | None,
) -> list[dict[str, object]]:
    """Diffs and flips of one rung, one row a side that has pairs."""
    both = production.merge(
        recomputed,
        on=["candle_open", "side"],
        suffixes=("_production", "_backtest"),
        validate="one_to_one",
    )
    rows: list[dict[str, object]] = []
    for side, pairs in both.groupby("side", sort=True):
        differences = pairs["probability_production"] - pairs["probability_backtest"]
        pairs = pairs.assign(abs_diff=differences.abs())
        if thresholds is not None:
            pairs = pairs.assign(flip=_flip(pairs, Side(str(side)), thresholds))
        rows.append(
            {
                "lookback_bars": lookback_bars,
                "side": str(side),
                "candles": len(pairs),
                "mean_abs_diff": float(figure("mean_abs_diff", pairs)),
                "max_abs_diff": float(figure("max_abs_diff", pairs)),
                "flips": None if thresholds is None else figure("flips", pairs),
            }
        )
    return rows


def _flip(pairs: pd.DataFrame, side: Side, thresholds: Thresholds) -> Flags:
    rule = thresholds(pd.DatetimeIndex(pairs["candle_open"]))
    limit = rule[f"{side.lower()}_threshold"].to_numpy(dtype="float64")
    production = pairs["probability_production"].to_numpy() >= limit
    backtest = pairs["probability_backtest"].to_numpy() >= limit
    return np.asarray(production != backtest)


def _matches(logged: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Per feature whether all values of one rung reach the logged ones."""
    names = [name for name in logged.columns if name in features.columns]
    rows = np.isin(
        us_from_index(pd.DatetimeIndex(logged.index)),
        us_from_index(pd.DatetimeIndex(features.index)),
    )
    a = logged.loc[rows, names].to_numpy(dtype="float64")
    b = features.reindex(logged.index[rows])[names].to_numpy(dtype="float64")
    is_equal, relative = _close(a, b)
    return pd.DataFrame(
        {
            "compared": len(a),
            "all_equal": is_equal.all(axis=0),
            "all_match": (relative <= CLOSE_RELATIVE).all(axis=0),
            "max_relative_diff": relative.max(axis=0),
        },
        index=pd.Index(names, name="feature"),
    )


def _close(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Equality to the bit (NaN on both counts), and the relative difference (NaN on one: 1)."""
    both_nan = np.isnan(a) & np.isnan(b)
    equal = (a == b) | both_nan
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        relative = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
    relative = np.where(np.isnan(relative), 1.0, relative)
    return equal, np.where(equal, 0.0, relative)


def _feature_table(matches: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    rungs = sorted(matches)
    names = list(dict.fromkeys(name for bars in rungs for name in matches[bars].index))
    rows = []
    for name in names:
        own = {bars: matches[bars].loc[name] for bars in rungs if name in matches[bars].index}
        matching = [bars for bars, row in own.items() if row["all_match"]]
        smallest = matching[0] if matching else None
        longer = [bars for bars in own if smallest is not None and bars >= smallest]
        best = min(own.values(), key=lambda row: float(row["max_relative_diff"]))
        rows.append(
            {
                "feature": name,
                "compared": int(max(row["compared"] for row in own.values())),
                "smallest_match": np.nan if smallest is None else float(smallest),
                "stays": smallest is not None and all(own[b]["all_match"] for b in longer),
                "equal_at_match": smallest is not None and bool(own[smallest]["all_equal"]),
                "max_relative_diff": float(best["max_relative_diff"]),
            }
        )
    columns = [
        "feature",
        "compared",
        "smallest_match",
        "stays",
        "equal_at_match",
        "max_relative_diff",
    ]
    return pd.DataFrame(rows, columns=columns)
