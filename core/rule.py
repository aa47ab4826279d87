"""The entry rule of a bot without a position, for one candle or for many at once."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

# What `decide` takes besides the probabilities, as settings and stored rules name it.
RULE_CONSTANTS = (
    "long_threshold",
    "short_threshold",
    "long_avg_return",
    "short_avg_return",
    "gate",
)


class Decision(IntEnum):
    """What a flat bot does on a candle; UNKNOWN where one of the two signals is missing."""

    UNKNOWN = -1
    NONE = 0
    LONG = 1
    SHORT = 2


def decide(
    long: npt.ArrayLike,
    short: npt.ArrayLike,
    *,
    long_threshold: npt.ArrayLike,
    short_threshold: npt.ArrayLike,
    long_avg_return: npt.ArrayLike,
    short_avg_return: npt.ArrayLike,
    gate: npt.ArrayLike,
) -> npt.NDArray[np.int8]:
    """The decision on each candle, as numbers of `Decision`.

    `long` and `short` are probabilities (0..1, NaN where missing); the constants
    are one number, or one a candle. LONG comes first: a SHORT is entered only where
    LONG is not, and where it beats the LONG that it would block by more than `gate`
    (all three in units of return).
    """
    p_long = np.asarray(long, dtype="float64")
    p_short = np.asarray(short, dtype="float64")
    enters_long = p_long >= np.asarray(long_threshold)
    advantage = p_short * np.asarray(short_avg_return) - p_long * np.asarray(long_avg_return)
    enters_short = (p_short >= np.asarray(short_threshold)) & (advantage > np.asarray(gate))
    is_unknown = np.isnan(p_long) | np.isnan(p_short)
    decided = np.select(
        [is_unknown, enters_long, enters_short],
        [Decision.UNKNOWN, Decision.LONG, Decision.SHORT],
        default=Decision.NONE,
    )
    return decided.astype("int8")
