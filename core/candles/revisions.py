"""Which of two versions of one candle is current, and whether one was unfinished."""

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.arrays import Flags
from core.market import OHLCV


def is_unfinished(
    earlier: npt.NDArray[np.float64], later: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Rows of `earlier` that are an early look at the same row of `later` (both n × 5, OHLCV).

    A candle that is still open has its final open; its volume can only grow and
    its high and low can only widen.
    """
    same_open = earlier[:, 0] == later[:, 0]
    inside = (earlier[:, 1] <= later[:, 1]) & (earlier[:, 2] >= later[:, 2])
    return np.asarray(same_open & inside & (earlier[:, 4] < later[:, 4]))


def is_equal(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> Flags:
    """Rows that are the same candle to the last bit."""
    return np.asarray((left == right).all(axis=1))


def layers(candles: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows in rounds that hold each candle once, in the order in which they stand.

    Equal repeats are dropped; a file that says two things about a candle is two
    versions of it.
    """
    distinct = candles.drop_duplicates()
    turn = distinct.groupby("candle_open").cumcount()
    for number in range(int(turn.max()) + 1 if len(turn) else 0):
        yield distinct[turn == number].reset_index(drop=True)


def digest(row: npt.NDArray[np.float64]) -> str:
    """Identity of one version of a candle by its five numbers."""
    return hashlib.sha256(np.ascontiguousarray(row, dtype="<f8").tobytes()).hexdigest()


def matrix(candles: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The five numbers of each candle, n × 5."""
    return candles[list(OHLCV)].to_numpy(dtype="float64")
