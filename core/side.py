"""The two sides of the market that a bot scores."""

from enum import StrEnum


class Side(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"


class Origin(StrEnum):
    """Where a signal comes from (see docs/architecture.md)."""

    EMITTED = "emitted"
    REPLAY = "replay"
    BACKTEST = "backtest"


SIDES = (Side.LONG, Side.SHORT)
