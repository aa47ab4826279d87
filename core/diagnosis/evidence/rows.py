"""Feature rows and candles as plain arrays, keyed by candle open (µs)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import Flags, Floats, Ints
from core.market import OHLCV
from core.times import index_from_us, us_from_index

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Vectors by candle open, sorted and unique; `absent` marks columns a row's layout lacks."""

    opens: Ints
    columns: tuple[str, ...]
    matrix: Floats
    absent: Flags | None = None

    def at(self, opens: Ints) -> tuple[Floats, Flags]:
        """The vectors of these candles, and which of the candles have one (NaN otherwise)."""
        places, known = locate(self.opens, opens)
        matrix = np.full((len(opens), len(self.columns)), np.nan)
        matrix[known] = self.matrix[places[known]]
        return matrix, known

    def absent_at(self, opens: Ints) -> Flags:
        """Per candle and column: the row's layout lacks it (rows without a vector: False)."""
        result = np.zeros((len(opens), len(self.columns)), dtype=bool)
        if self.absent is not None:
            places, known = locate(self.opens, opens)
            result[known] = self.absent[places[known]]
        return result

    def column(self, name: str) -> int | None:
        """The first place of a column, None where there is none."""
        return self.columns.index(name) if name in self.columns else None


@dataclass(frozen=True, slots=True)
class CandleRows:
    """Candles by candle open, sorted and unique: open, high, low, close, volume."""

    opens: Ints
    values: Floats

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "CandleRows":
        """From columns candle_open (UTC) and open, high, low, close, volume."""
        values = frame[list(OHLCV)].to_numpy("float64")
        return cls(us_from_index(frame["candle_open"]), values)

    def frame(self) -> pd.DataFrame:
        """As a frame: candle_open (UTC), open, high, low, close, volume."""
        frame = pd.DataFrame(self.values, columns=list(OHLCV))
        frame.insert(0, "candle_open", index_from_us(self.opens))
        return frame

    def at(self, opens: Ints) -> tuple[Floats, Flags]:
        """The candles of these opens, and which of them are there (NaN otherwise)."""
        places, known = locate(self.opens, opens)
        values = np.full((len(opens), len(OHLCV)), np.nan)
        values[known] = self.values[places[known]]
        return values, known

    def without(self, opens: Ints) -> "CandleRows":
        """These candles taken out."""
        keep = ~np.isin(self.opens, opens)
        return CandleRows(self.opens[keep], self.values[keep])

    def replaced(self, other: "CandleRows") -> "CandleRows":
        """The other's candles in place of these, and added where there was none."""
        opens = np.union1d(self.opens, other.opens)
        values, _ = self.at(opens)
        mine, known = other.at(opens)
        values[known] = mine[known]
        return CandleRows(opens, values)


def locate(sorted_opens: Ints, wanted: Ints) -> tuple[npt.NDArray[np.int64], Flags]:
    """Places of `wanted` in `sorted_opens`, and which of them were found."""
    places = np.searchsorted(sorted_opens, wanted)
    inside = places < len(sorted_opens)
    known = np.zeros(len(wanted), dtype=bool)
    known[inside] = sorted_opens[places[inside]] == wanted[inside]
    return np.where(known, places, 0), known
