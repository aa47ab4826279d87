"""Statistics of the last `bars` values up to a row, each summed afresh, oldest first.

A running sum would be faster on a long frame, but its rounding depends on where
the frame began: a value could then never be equal to the bit in two frames.
All give NaN where the frame has fewer than `bars` values.
"""

import numpy as np

from reference_pipeline.compiled import Floats, kernel


@kernel
def ratio(top: float, bottom: float, neutral: float) -> float:
    """top / bottom, and `neutral` where there is nothing to divide by."""
    if bottom == 0.0:
        return neutral
    return top / bottom


@kernel
def flag(claim: bool) -> float:
    """1 where a claim holds, else 0 (numba's float() takes no bool)."""
    return 1.0 if claim else 0.0


@kernel
def distance_pct(value: float, base: float) -> float:
    """How far value lies above base, in per cent of base; 0 where base is 0."""
    return ratio(value - base, base, 0.0) * 100.0


@kernel
def change_pct(values: Floats, row: int, bars: int) -> float:
    """The change since `bars` candles ago, in per cent: needs bars + 1 values."""
    if row < bars:
        return np.nan
    return distance_pct(values[row], values[row - bars])


@kernel
def total(values: Floats, row: int, bars: int) -> float:
    if row + 1 < bars:
        return np.nan
    result = 0.0
    for position in range(row + 1 - bars, row + 1):
        result += values[position]
    return result


@kernel
def mean(values: Floats, row: int, bars: int) -> float:
    return total(values, row, bars) / bars


@kernel
def deviation(values: Floats, row: int, bars: int) -> float:
    """The standard deviation of a sample (bars − 1 below the line); exactly 0 of equal values."""
    middle = mean_above_first(values, row, bars)
    if np.isnan(middle):
        return np.nan
    first = row + 1 - bars
    squares = 0.0
    for position in range(first, row + 1):
        off = values[position] - values[first] - middle
        squares += off * off
    result: float = np.sqrt(squares / (bars - 1))
    return result


@kernel
def mean_above_first(values: Floats, row: int, bars: int) -> float:
    """The mean of the last values less the oldest of them.

    Measured from there, equal values have no spread at all; measured from a
    rounded mean they would have one of 1e-17, and a band around it.
    """
    if row + 1 < bars:
        return np.nan
    first = row + 1 - bars
    result = 0.0
    for position in range(first, row + 1):
        result += values[position] - values[first]
    return result / bars


@kernel
def highest(values: Floats, row: int, bars: int) -> float:
    if row + 1 < bars:
        return np.nan
    result: float = values[position_of_highest(values, row + 1 - bars, row + 1)]
    return result


@kernel
def lowest(values: Floats, row: int, bars: int) -> float:
    if row + 1 < bars:
        return np.nan
    result: float = values[position_of_lowest(values, row + 1 - bars, row + 1)]
    return result


@kernel
def position_of_highest(values: Floats, first: int, stop: int) -> int:
    """Where the largest of values[first:stop] stands; of equal ones the newest."""
    best = first
    for position in range(first + 1, stop):
        if values[position] >= values[best]:
            best = position
    return best


@kernel
def position_of_lowest(values: Floats, first: int, stop: int) -> int:
    """Where the smallest of values[first:stop] stands; of equal ones the newest."""
    best = first
    for position in range(first + 1, stop):
        if values[position] <= values[best]:
            best = position
    return best


@kernel
def slope(values: Floats, row: int, bars: int) -> float:
    """The least-squares slope over the last `bars` values, in value per candle."""
    middle = mean_above_first(values, row, bars)
    if np.isnan(middle):
        return np.nan
    first = row + 1 - bars
    centre = (bars - 1) / 2.0
    products = 0.0
    squares = 0.0
    for step in range(bars):
        off = step - centre
        products += off * (values[first + step] - values[first] - middle)
        squares += off * off
    return products / squares


@kernel
def correlation(left: Floats, right: Floats, row: int, bars: int) -> float:
    """Pearson's correlation of the last `bars` values; 0 where one of the two is constant."""
    left_middle = mean_above_first(left, row, bars)
    right_middle = mean_above_first(right, row, bars)
    if np.isnan(left_middle) or np.isnan(right_middle):
        return np.nan
    first = row + 1 - bars
    products = 0.0
    left_squares = 0.0
    right_squares = 0.0
    for position in range(first, row + 1):
        left_off = left[position] - left[first] - left_middle
        right_off = right[position] - right[first] - right_middle
        products += left_off * right_off
        left_squares += left_off * left_off
        right_squares += right_off * right_off
    return ratio(products, np.sqrt(left_squares) * np.sqrt(right_squares), 0.0)
