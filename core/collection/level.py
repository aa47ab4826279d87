"""How serious it is: one level for logging, one for agreement, and the worst of them.

A level is a claim about data that is there; what is not known is UNKNOWN, and data
that may be out of date is STALE, never GOOD.
"""

from collections.abc import Iterable
from enum import IntEnum

from core.collection.freshness import Freshness, FreshnessState

# More than one candle in a hundred beyond the tolerance is no longer a stray one.
BAD_SHARE = 0.01
# As far below the target for success as the target is below completeness, times five.
BAD_SHORTFALL = 5


class Level(IntEnum):
    """Ordered by how much attention is due."""

    GOOD = 0
    UNKNOWN = 1
    ATTENTION = 2
    BAD = 3
    STALE = 4


def collection_level(success_ratio: float | None, target_ratio: float) -> Level:
    """GOOD at the target or above; BAD when five times as much is missing as may be."""
    if success_ratio is None:
        return Level.UNKNOWN
    if success_ratio >= target_ratio:
        return Level.GOOD
    missing, allowed = 1 - success_ratio, 1 - target_ratio
    return Level.BAD if missing > BAD_SHORTFALL * allowed else Level.ATTENTION


def alignment_level(candles: int, misaligned: int) -> Level:
    """GOOD without a candle beyond the tolerance; BAD beyond one in a hundred."""
    if candles == 0:
        return Level.UNKNOWN
    if misaligned == 0:
        return Level.GOOD
    return Level.BAD if misaligned / candles > BAD_SHARE else Level.ATTENTION


def freshness_level(freshness: Freshness) -> Level:
    """STALE whenever the screen might no longer be true."""
    if freshness.state is FreshnessState.NEVER:
        return Level.UNKNOWN
    return Level.STALE if freshness.is_stale else Level.GOOD


def overall(levels: Iterable[Level]) -> Level:
    """The level that needs most attention; a stale screen is stale before all else."""
    return max(levels, default=Level.UNKNOWN)
