"""Rules that alter the candles of a re-run; each is a statement about the store."""

import numpy as np

from core.arrays import Flags, Floats, Ints
from core.diagnosis.evidence.rows import CLOSE, HIGH, LOW, OPEN, VOLUME, CandleRows


def dropped(candles: CandleRows, other: CandleRows) -> CandleRows:
    """Without the candles that `other` lacks inside its own span."""
    return candles.without(missing_opens(candles, other))


def filled(candles: CandleRows, other: CandleRows) -> CandleRows:
    """Candles that `other` lacks inside its own span are flat, at the close before, no volume."""
    values = candles.values.copy()
    holes = np.isin(candles.opens, missing_opens(candles, other))
    for place in np.flatnonzero(holes):
        if place:
            values[place] = values[place - 1, CLOSE]
            values[place, VOLUME] = 0.0
    return CandleRows(candles.opens, values)


def added(candles: CandleRows, other: CandleRows) -> CandleRows:
    """With the candles of `other` that these lack."""
    return candles.replaced(other.without(candles.opens))


def replaced(candles: CandleRows, other: CandleRows) -> CandleRows:
    """`other` wherever it has a candle."""
    return candles.replaced(other)


def kept_unfinished(candles: CandleRows, other: CandleRows) -> CandleRows:
    """The rows of `other` that were not finished, in place of the final ones."""
    return candles.replaced(_subset(other, unfinished_opens(other, candles)))


def finished(candles: CandleRows, other: CandleRows) -> CandleRows:
    """The final rows of `other` in place of those that were not finished."""
    return candles.replaced(_subset(other, unfinished_opens(candles, other)))


def missing_opens(candles: CandleRows, other: CandleRows) -> Ints:
    """Candles that `other` lacks between its first and its last."""
    if len(other.opens) == 0:
        return np.empty(0, dtype="int64")
    inside = (candles.opens >= other.opens[0]) & (candles.opens <= other.opens[-1])
    return np.asarray(np.setdiff1d(candles.opens[inside], other.opens))


def unfinished_opens(early: CandleRows, final: CandleRows) -> Ints:
    """Candles of `early` that look like a moment before the close of the one in `final`."""
    common = np.intersect1d(early.opens, final.opens)
    first, _ = early.at(common)
    last, _ = final.at(common)
    return np.asarray(common[looks_unfinished(first, last)])


def looks_unfinished(early: Floats, final: Floats) -> Flags:
    """Same open, range inside, less volume: what a candle looks like before it closes."""
    return np.asarray(
        (early[:, OPEN] == final[:, OPEN])
        & (early[:, HIGH] <= final[:, HIGH])
        & (early[:, LOW] >= final[:, LOW])
        & (early[:, VOLUME] < final[:, VOLUME])
    )


def _subset(candles: CandleRows, opens: Ints) -> CandleRows:
    values, is_held = candles.at(opens)
    return CandleRows(opens[is_held], values[is_held])
