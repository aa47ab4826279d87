"""Times: UTC and their stored form, and the grid of candle opens.

Stored times are whole microseconds since 1970 UTC, so a column of them is the
same memory as pandas' datetime64[us].
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.errors import ConfigError

DAY_US = 86_400_000_000
END_OF_TIME = 253_402_300_799_000_000  # 9999-12-31T23:59:59Z, stored µs
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_S = 366 * 86400
_LONGEST_NUMBER = 8  # digits; a year has fewer seconds
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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


@dataclass(frozen=True, slots=True)
class Timeframe:
    """The length of one candle, e.g. 5m; candle opens lie on multiples of it since 1970 UTC."""

    text: str
    length_s: int

    def __post_init__(self) -> None:
        if self.length_s <= 0:
            raise ValueError(f"timeframe {self.text} has a length of {self.length_s} s")

    @classmethod
    def parse(cls, text: str) -> "Timeframe":
        """Read "5m", "1h", "1d"; raises ConfigError for anything else."""
        number, unit = text[:-1], text[-1:]
        is_number = number.isdecimal() and len(number) <= _LONGEST_NUMBER
        length_s = int(number) * _UNITS_S.get(unit, 0) if is_number else 0
        if not 0 < length_s <= _LONGEST_S:
            raise ConfigError(
                f'timeframe "{text[:40]}" is not understood: write a number and s, m, h or d, '
                'e.g. "5m", of a year at most'
            )
        return cls(text, length_s)

    @property
    def length(self) -> timedelta:
        return timedelta(seconds=self.length_s)

    @property
    def length_us(self) -> int:
        """Length in microseconds, the unit of stored times."""
        return self.length_s * 1_000_000

    @property
    def bars_per_day(self) -> float:
        return 86400 / self.length_s

    def floor(self, moment: datetime) -> datetime:
        """The open of the candle that contains `moment` (aware); in UTC."""
        seconds = int((moment - _EPOCH) // self.length) * self.length_s
        return _EPOCH + timedelta(seconds=seconds)

    def is_on_grid(self, moment: datetime) -> bool:
        return (moment - _EPOCH) % self.length == timedelta(0)

    def last_closed(self, now: datetime) -> datetime:
        """The open of the newest candle that has closed at `now` (aware); in UTC."""
        return self.floor(now) - self.length

    def opens(self, first: datetime, last: datetime) -> pd.DatetimeIndex:
        """Every candle open from first to last, both included; UTC, microseconds."""
        return pd.date_range(first, last, freq=pd.Timedelta(self.length), unit="us")

    def count(self, first: datetime, last: datetime) -> int:
        """Candles from first to last, both included; 0 when last lies before first."""
        return max(0, int((last - first) / self.length) + 1)
