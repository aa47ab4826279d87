"""Text and numbers of a time column → UTC microseconds."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import Ints
from core.times import to_us

NOT_A_TIME = np.iinfo("int64").min

# Upper bounds of |epoch| and what one unit is in µs; beyond the last only nanoseconds remain.
# 1e11 seconds is the year 5138, 1e11 ms is 1973.
_UNITS = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0))
_OFFSET = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
_DATE_CHARS = 10
_FIRST_US, _END_US = (to_us(datetime(year, 1, 1, tzinfo=UTC)) for year in (2000, 2100))


def parse_times(texts: Sequence[str], zone: str) -> Ints:
    """UTC microseconds of each text; NOT_A_TIME where it cannot be read.

    What does not lie between 2000 and 2100 is none: some programs write year 1 for "none".
    Epoch seconds, ms, µs and ns are told apart by their size. ISO text may
    carry an offset; text without one is read in `zone` (an hour that a clock
    change repeats or skips cannot be read).
    """
    numbers = parse_numbers(texts)
    is_epoch = np.isfinite(numbers).sum() * 2 > len(texts)
    times = _from_epoch(numbers) if is_epoch else _from_iso(texts, zone)
    return np.where((times >= _FIRST_US) & (times < _END_US), times, NOT_A_TIME)


def _from_iso(texts: Sequence[str], zone: str) -> Ints:
    stripped = [text.strip() for text in texts]
    has_offset = np.array([_has_offset(text) for text in stripped], dtype=bool)
    values = pd.Series(stripped, dtype=object)
    result = np.full(len(texts), NOT_A_TIME)
    if has_offset.any():
        aware = pd.to_datetime(values[has_offset], format="ISO8601", errors="coerce", utc=True)
        result[has_offset] = _microseconds(pd.DatetimeIndex(aware))
    if not has_offset.all():
        naive = pd.to_datetime(values[~has_offset], format="ISO8601", errors="coerce")
        local = pd.DatetimeIndex(naive).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        result[~has_offset] = _microseconds(local.tz_convert("UTC"))
    return result


def parse_numbers(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """The float64 that each text names, exactly as Python reads it; NaN where it is no number."""
    try:
        return np.array([float(text) for text in texts], dtype="float64")
    except ValueError:
        return np.array([_number(text) for text in texts], dtype="float64")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _has_offset(text: str) -> bool:
    return len(text) > _DATE_CHARS and _OFFSET.search(text[_DATE_CHARS:]) is not None


def _from_epoch(numbers: npt.NDArray[np.float64]) -> Ints:
    size = np.abs(numbers)
    scale = np.full(len(numbers), 1e-3)
    for bound, unit in reversed(_UNITS):
        scale[size < bound] = unit
    is_time = np.isfinite(numbers)
    result = np.full(len(numbers), NOT_A_TIME)
    result[is_time] = np.round(numbers[is_time] * scale[is_time]).astype("int64")
    return result


def _microseconds(times: pd.DatetimeIndex) -> Ints:
    values = np.asarray(times.as_unit("us").asi8, dtype="int64").copy()
    values[times.isna()] = NOT_A_TIME
    return values
