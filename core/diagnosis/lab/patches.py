"""Rules that alter the candles of a re-run; each is a statement about the store."""

import numpy as np

from core.arrays import Flags, Floats, Ints
from core.diagnosis.evidence.rows import CLOSE, HIGH, LOW, OPEN, VOLUME, CandleRows
from core.diagnosis.lab.world import CandlePatch


def patched(candles: CandleRows, patch: CandlePatch, other: CandleRows, step_us: int) -> CandleRows:
    """The candles after one rule; `other` are those of the source that the rule names.

    drop, fill: candles that `other` lacks inside its own span. kept_unfinished: `other`
    holds a row that was not finished. finished: these hold one, `other` the final one.
    other_rows: `other` wherever it has a candle.
    """
    if patch.rule == "drop":
        return candles.without(missing_opens(candles, other))
    if patch.rule == "fill":
        return _filled(candles, missing_opens(candles, other))
    if patch.rule == "kept_unfinished":
        return candles.replaced(_subset(other, unfinished_opens(other, candles)))
    if patch.rule == "finished":
        return candles.replaced(_subset(other, unfinished_opens(candles, other)))
    if patch.rule == "other_rows":
        return candles.replaced(other)
    if patch.rule == "added":
        return candles.replaced(other.without(candles.opens))
    raise ValueError(f"unknown candle rule {patch.rule!r}")


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
    values, found = candles.at(opens)
    return CandleRows(opens[found], values[found])


def _filled(candles: CandleRows, opens: Ints) -> CandleRows:
    """The candles named are flat at the close before them, without volume."""
    values = candles.values.copy()
    holes = np.isin(candles.opens, opens)
    for place in np.flatnonzero(holes):
        if place:
            values[place] = values[place - 1, CLOSE]
            values[place, VOLUME] = 0.0
    return CandleRows(candles.opens, values)
