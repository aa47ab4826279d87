"""Logged against recomputed (or imported) features: equal, close, different, absent.

The formulas and their limits are in docs/metrics.md, section "Features".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import Floats

CLOSE_RELATIVE = 1e-9


class Match(StrEnum):
    """How one value of both sides compares."""

    EQUAL = "equal"  # to the bit
    CLOSE = "close"  # within 1e-9 relative
    DIFFERENT = "different"
    NAN_LOGGED = "nan_logged"
    NAN_RECOMPUTED = "nan_recomputed"
    NAN_BOTH = "nan_both"


_CODE = {match: code for code, match in enumerate(Match)}


@dataclass(frozen=True)
class FeatureComparison:
    """Features that both sides have, over the candles that both sides have.

    features: one row a feature, worst first: candles, a count for each Match,
    equal_ratio, mean_abs_diff, max_abs_diff, max_relative_diff, mean_scaled_diff,
    max_scaled_diff (units of the scaler, NaN without one), max_at (candle
    open), is_constant_logged, is_constant_recomputed (one value over all
    candles, while the other side has several). per_candle: candle_open,
    different (values not EQUAL, CLOSE or NAN_BOTH), max_scaled_diff, worst (the feature).
    only_logged, only_recomputed: names that one side lacks.
    """

    features: pd.DataFrame
    per_candle: pd.DataFrame
    only_logged: tuple[str, ...]
    only_recomputed: tuple[str, ...]

    @property
    def candles(self) -> int:
        return len(self.per_candle)


def compare_features(
    logged: pd.DataFrame, recomputed: pd.DataFrame, units: Mapping[str, float] | None = None
) -> FeatureComparison:
    """Compare two frames of features indexed by candle_open (UTC, unique)."""
    return compare_blocks([(logged, recomputed)], units)


def compare_blocks(
    blocks: Iterable[tuple[pd.DataFrame, pd.DataFrame]], units: Mapping[str, float] | None = None
) -> FeatureComparison:
    """The same over blocks of candles, whose columns may differ (the log's layout changed).

    A name counts as lacking only where no block has it on both sides.
    """
    parts, candles = [], []
    left, right = dict[str, None](), dict[str, None]()
    for logged, recomputed in blocks:
        left.update(dict.fromkeys(logged.columns))
        right.update(dict.fromkeys(recomputed.columns))
        index = logged.index.intersection(recomputed.index).sort_values()
        names = [name for name in logged.columns if name in recomputed.columns]
        if len(index) and names:
            a = logged.loc[index, names].to_numpy(dtype="float64")
            b = recomputed.loc[index, names].to_numpy(dtype="float64")
            cells = _cells(a, b, names, units or {})
            parts.append(_by_feature(cells, names, index, a, b))
            candles.append(_by_candle(cells, names, index))
    compared = {name for part in parts for name in part["feature"]}
    return FeatureComparison(
        features=_ranked(parts),
        per_candle=_joined(candles),
        only_logged=tuple(name for name in left if name not in right),
        only_recomputed=tuple(name for name in right if name not in left and name not in compared),
    )


@dataclass(frozen=True)
class _Cells:
    """Candle × feature: code of the match, and differences (NaN where one side is NaN)."""

    codes: npt.NDArray[np.int64]
    absolute: Floats
    relative: Floats
    scaled: Floats

    @property
    def is_bad(self) -> npt.NDArray[np.bool_]:
        fine = [_CODE[Match.EQUAL], _CODE[Match.CLOSE], _CODE[Match.NAN_BOTH]]
        return ~np.isin(self.codes, fine)


def _cells(a: Floats, b: Floats, names: Sequence[str], units: Mapping[str, float]) -> _Cells:
    nan_a, nan_b = np.isnan(a), np.isnan(b)
    same_bits = a.view(np.int64) == b.view(np.int64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        absolute = np.where(same_bits, 0.0, np.abs(a - b))
        size = np.maximum(np.abs(a), np.abs(b))
        relative = np.where(absolute == 0, 0.0, absolute / size)
        # An infinity against a number: the whole of the larger one is the difference.
        relative = np.where(np.isinf(absolute), 1.0, relative)
        unit = np.array([units.get(name, np.nan) for name in names])
        scaled = absolute / unit
    one_nan = nan_a | nan_b
    codes = np.where(relative <= CLOSE_RELATIVE, _CODE[Match.CLOSE], _CODE[Match.DIFFERENT])
    codes = np.where(same_bits, _CODE[Match.EQUAL], codes)
    codes = np.where(nan_a, _CODE[Match.NAN_LOGGED], codes)
    codes = np.where(nan_b, _CODE[Match.NAN_RECOMPUTED], codes)
    codes = np.where(nan_a & nan_b, _CODE[Match.NAN_BOTH], codes)
    return _Cells(
        codes=codes,
        absolute=np.where(one_nan, np.nan, absolute),
        relative=np.where(one_nan, np.nan, relative),
        scaled=np.where(one_nan, np.nan, scaled),
    )


def _by_feature(
    cells: _Cells, names: Sequence[str], index: pd.Index, a: Floats, b: Floats
) -> pd.DataFrame:
    """Sums and extremes of a block, one row a feature, that add up over blocks."""
    absolute, scaled = _filled(cells.absolute), _filled(cells.scaled)
    with np.errstate(over="ignore"):
        sums = {"sum_abs": absolute.sum(axis=0), "sum_scaled": scaled.sum(axis=0)}
    frame = pd.DataFrame({"feature": pd.Series(list(names), dtype=object), "candles": len(index)})
    for match, code in _CODE.items():
        frame[str(match)] = (cells.codes == code).sum(axis=0)
    return frame.assign(
        **sums,
        scaled_count=(~np.isnan(cells.scaled)).sum(axis=0),
        max_abs_diff=absolute.max(axis=0),
        max_relative_diff=_filled(cells.relative).max(axis=0),
        max_scaled_diff=scaled.max(axis=0),
        max_at=index[absolute.argmax(axis=0)],
        min_logged=np.fmin.reduce(a, axis=0),
        max_logged=np.fmax.reduce(a, axis=0),
        min_recomputed=np.fmin.reduce(b, axis=0),
        max_recomputed=np.fmax.reduce(b, axis=0),
    )


def _ranked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Blocks added up, shares and means, worst feature first."""
    if not parts:
        return pd.DataFrame(columns=list(_COLUMNS))
    stacked = pd.concat(parts, ignore_index=True)
    worst = stacked.loc[stacked.groupby("feature", sort=False)["max_abs_diff"].idxmax()]
    with np.errstate(over="ignore"):  # a sum beyond the largest number is infinite
        frame = stacked.groupby("feature", sort=False, as_index=False).agg(_HOW)
    frame = frame.assign(max_at=frame["feature"].map(worst.set_index("feature")["max_at"]))
    both = frame["candles"] - frame["nan_logged"] - frame["nan_recomputed"] - frame["nan_both"]
    constant_logged = frame["min_logged"] == frame["max_logged"]
    constant_recomputed = frame["min_recomputed"] == frame["max_recomputed"]
    no_unit = frame["scaled_count"] == 0
    frame = frame.assign(
        equal_ratio=(frame["equal"] + frame["nan_both"]) / frame["candles"],
        mean_abs_diff=frame["sum_abs"] / both.where(both > 0),
        max_abs_diff=frame["max_abs_diff"].where(both > 0),
        max_relative_diff=frame["max_relative_diff"].where(both > 0),
        mean_scaled_diff=(frame["sum_scaled"] / frame["scaled_count"].where(~no_unit)),
        max_scaled_diff=frame["max_scaled_diff"].where(~no_unit),
        max_at=frame["max_at"].where(frame["max_abs_diff"] > 0),
        is_constant_logged=constant_logged & ~constant_recomputed,
        is_constant_recomputed=constant_recomputed & ~constant_logged,
    )
    one_nan = frame["nan_logged"] + frame["nan_recomputed"]
    # A value that one side lacks weighs as much as a difference of one scaled unit.
    frame = frame.assign(
        weight=(frame["sum_scaled"] + one_nan) / frame["candles"],
        bad=frame["different"] + one_nan,
    )
    by = ["weight", "bad", "max_relative_diff"]
    ordered = frame.sort_values(by, ascending=False, kind="stable", na_position="last")
    return ordered[list(_COLUMNS)].reset_index(drop=True)


_SUMMED = ("candles", *map(str, Match), "sum_abs", "sum_scaled", "scaled_count")
_LARGEST = ("max_abs_diff", "max_relative_diff", "max_scaled_diff", "max_logged", "max_recomputed")
_HOW = (
    dict.fromkeys(_SUMMED, "sum")
    | dict.fromkeys(_LARGEST, "max")
    | dict.fromkeys(("min_logged", "min_recomputed"), "min")
)
_COLUMNS = (
    "feature",
    "candles",
    *map(str, Match),
    "equal_ratio",
    "mean_abs_diff",
    "max_abs_diff",
    "max_relative_diff",
    "mean_scaled_diff",
    "max_scaled_diff",
    "max_at",
    "is_constant_logged",
    "is_constant_recomputed",
)


def _by_candle(cells: _Cells, names: Sequence[str], index: pd.Index) -> pd.DataFrame:
    """How many features differ on each candle, and which one most."""
    # Ranked by the scaled difference, then by the relative one; a NaN on one side beats both.
    score = 1.0 + _filled(cells.scaled) + _filled(cells.relative)
    badness = np.where(cells.is_bad, score, 0.0)
    one_nan = np.isin(cells.codes, [_CODE[Match.NAN_LOGGED], _CODE[Match.NAN_RECOMPUTED]])
    worst = np.where(one_nan, np.inf, badness).argmax(axis=1)
    different = cells.is_bad.sum(axis=1)
    has_unit = ~np.isnan(cells.scaled).all(axis=1)
    return pd.DataFrame(
        {
            "candle_open": index,
            "different": different,
            "max_scaled_diff": np.where(has_unit, _filled(cells.scaled).max(axis=1), np.nan),
            "worst": np.where(different > 0, np.array(list(names), dtype=object)[worst], None),
        }
    )


def _joined(candles: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not candles:
        return pd.DataFrame(columns=["candle_open", "different", "max_scaled_diff", "worst"])
    return pd.concat(candles, ignore_index=True).sort_values("candle_open", ignore_index=True)


def _filled(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)
