"""The pipeline "reference": candles → features, on numba and TA-Lib.

docs/reference_pipeline.md has the formula of every feature. Importing this
module is cheap: the kernels load with the first call.
"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import PipelineError
from reference_pipeline.features import CATALOGUE, NUMBA_FAMILIES, Reach

if TYPE_CHECKING:
    from reference_pipeline.compiled import Bars

FEATURES: tuple[str, ...] = tuple(feature.name for feature in CATALOGUE)
WARM_UP_BARS: int = max(feature.history_bars for feature in CATALOGUE)

_COLUMNS = ("open", "high", "low", "close", "volume")
_HISTORY_BARS = np.array([feature.history_bars for feature in CATALOGUE])
_SEES_WHOLE_FRAME = np.array([feature.reach is Reach.FRAME for feature in CATALOGUE])
_FAMILY_COLUMNS = np.array(
    list(itertools.accumulate((len(family) for family in NUMBA_FAMILIES), initial=0)),
    dtype=np.int64,
)

Matrix = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


def compute(candles: pd.DataFrame) -> pd.DataFrame:
    """Every feature for every candle of one frame.

    candles: open, high, low, close, volume (float), oldest first, one row a
    closed candle; other columns and the index are not looked at. Returns a new
    frame with the same index and the columns FEATURES (float64). Row i rests
    on rows 0..i alone. NaN until a feature's history is there (all are from
    row WARM_UP_BARS - 1 on), and wherever a value of that history is not
    finite. Raises PipelineError when a column is missing or no number.
    """
    bars, clean_bars = _read_bars(candles)
    count = len(clean_bars)
    values = _rows(bars, np.zeros(1, np.int64), np.array([count]), count)
    values[_is_unknown(clean_bars, np.arange(1, count + 1))] = np.nan
    return pd.DataFrame(values, index=candles.index, columns=pd.Index(FEATURES))


def compute_windows(
    candles: pd.DataFrame, ends: Sequence[int] | Positions, lookback_bars: int
) -> Matrix:
    """The features of single candles, each the last row of its own frame of lookback_bars.

    ends: positions in candles. Row k of the result (columns FEATURES) equals,
    to the bit, compute(candles.iloc[ends[k] - lookback_bars + 1 : ends[k] + 1]).iloc[-1].
    Raises PipelineError as compute does, and for a window that does not lie
    within candles: it is never shortened in silence.
    """
    last = np.asarray(ends, dtype=np.int64).reshape(-1)
    _check_windows(last, lookback_bars, len(candles))
    if len(last) == 0:
        return np.empty((0, len(FEATURES)))
    begin = int(last.min()) - lookback_bars + 1
    bars, clean_bars = _read_bars(candles.iloc[begin : int(last.max()) + 1])
    stops = last - begin + 1
    values = _rows(bars, stops - lookback_bars, stops, 1)
    seen = np.full(len(last), lookback_bars)
    values[_is_unknown(np.minimum(clean_bars[stops - 1], seen), seen)] = np.nan
    return values


def _check_windows(last: Positions, lookback_bars: int, count: int) -> None:
    if lookback_bars < 1:
        raise PipelineError(f"lookback_bars is {lookback_bars}: a window has at least one candle")
    outside = (last < lookback_bars - 1) | (last >= count)
    if outside.any():
        raise PipelineError(
            f"the window of {lookback_bars} candles that ends at position {last[outside][0]} "
            f"does not lie within the {count} candles given"
        )


def _check_columns(columns: list[object]) -> None:
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise PipelineError(f"candles without the column {', '.join(missing)}")
    twice = [name for name in _COLUMNS if columns.count(name) > 1]
    if twice:
        raise PipelineError(f"candles with the column {', '.join(twice)} more than once")


def _read_bars(candles: pd.DataFrame) -> tuple["Bars", Positions]:
    """The columns as the kernels want them, and how many finite candles end at each row.

    A candle with a value that is not finite becomes all ones, so that nothing
    but its place is left of it; whatever rests on it is set to NaN afterwards.
    """
    from reference_pipeline.compiled import Bars

    _check_columns(list(candles.columns))
    try:
        block = np.array([candles[name] for name in _COLUMNS], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"candles hold a value that is no number: {error}") from error
    is_clean: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(block))
    block[:, ~is_clean] = 1.0
    position = np.arange(len(is_clean))
    last_unclean = np.maximum.accumulate(np.where(is_clean, -1, position))
    return Bars(*block), position - last_unclean


def _rows(bars: "Bars", starts: Positions, stops: Positions, rows: int) -> Matrix:
    """The last `rows` rows of each frame bars[start:stop], below one another."""
    from reference_pipeline.frame_rows import fill_rows
    from reference_pipeline.ta_lib import ta_lib_columns

    values = np.full((len(starts) * rows, len(FEATURES)), np.nan)
    if rows == 0:
        return values
    fill_rows(bars, starts, stops, rows, _FAMILY_COLUMNS, values)
    shown = (stops[:, None] + np.arange(-rows, 0)).ravel()
    values[:, _FAMILY_COLUMNS[-1] :] = ta_lib_columns(bars)[shown]
    return values


def _is_unknown(clean_bars: Positions, seen_bars: Positions) -> npt.NDArray[np.bool_]:
    """Per row and feature: too little history, or a candle in it that is not finite."""
    is_clean_frame = (clean_bars == seen_bars)[:, None] | ~_SEES_WHOLE_FRAME
    has_history = clean_bars[:, None] >= _HISTORY_BARS
    unknown: npt.NDArray[np.bool_] = ~(is_clean_frame & has_history)
    return unknown
