"""The market's words: sides, origins of a signal, the five numbers of a candle."""

from enum import StrEnum


class Side(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"


class Origin(StrEnum):
    """Where a signal comes from (see docs/architecture.md)."""

    EMITTED = "emitted"
    REPLAY = "replay"
    BACKTEST = "backtest"


# The comparison of what the bot emitted with its replay; every other is named as its backtest.
REPLAY = "replay"
SIDES = (Side.LONG, Side.SHORT)
OHLCV = ("open", "high", "low", "close", "volume")
