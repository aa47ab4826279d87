"""Small conversions that every frame shares: UTC times and their stored form.

Stored times are whole microseconds since 1970 UTC, so a column of them is the
same memory as pandas' datetime64[us].
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware time, exactly; raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"time without a zone: {moment!r}; every time in Align is UTC")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_us(microseconds: int) -> datetime:
    """The UTC time of a stored number of microseconds."""
    return _EPOCH + timedelta(microseconds=microseconds)


def index_from_us(microseconds: npt.ArrayLike) -> pd.DatetimeIndex:
    """Stored microseconds → DatetimeIndex in UTC (datetime64[us])."""
    values = np.asarray(microseconds, dtype="int64").astype("datetime64[us]")
    return pd.DatetimeIndex(values).tz_localize("UTC")


def us_from_index(times: pd.DatetimeIndex | pd.Series) -> npt.NDArray[np.int64]:
    """Aware times → stored microseconds (int64), whatever unit pandas keeps them in."""
    index = pd.DatetimeIndex(times)
    if index.tz is None:
        raise ValueError("times without a zone; every time in Align is UTC")
    return np.asarray(index.tz_convert("UTC").as_unit("us").asi8, dtype="int64")


def iso_z(moment: datetime) -> str:
    """ISO text with Z, as all JSON and CSV output writes times; fractions only where there are."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
