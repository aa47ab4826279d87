"""The grid of candle opens: one place for bar arithmetic."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from core.errors import ConfigError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Timeframe:
    """The length of one candle, e.g. 5m; candle opens lie on multiples of it since 1970 UTC."""

    text: str
    length_s: int

    @classmethod
    def parse(cls, text: str) -> "Timeframe":
        """Read "5m", "1h", "1d"; raises ConfigError for anything else."""
        number, unit = text[:-1], text[-1:]
        if not number.isdigit() or int(number) == 0 or unit not in _UNITS_S:
            raise ConfigError(
                f'timeframe "{text}" is not understood: write a number and s, m, h or d, e.g. "5m"'
            )
        return cls(text, int(number) * _UNITS_S[unit])

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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
