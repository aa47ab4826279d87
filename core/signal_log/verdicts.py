"""Which line of a candle counts: the first in the configuration's and the files' order.

A later line that says the same is a duplicate, one that says something else a conflict.
LONG and SHORT may come from different logs: each side has its own first line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.market import SIDES, Side

_NOISE = 1e-12  # 0.5005 - 0.5 is a little more than half of 0.001


class Status(StrEnum):
    USED = "used"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a stored line says about its candle."""

    id: int
    long: float | None
    short: float | None
    price: float | None
    long_step: float | None = None
    short_step: float | None = None
    price_step: float | None = None

    def value(self, side: Side) -> float | None:
        return self.long if side is Side.LONG else self.short

    def step(self, side: Side) -> float | None:
        return self.long_step if side is Side.LONG else self.short_step


@dataclass(frozen=True, slots=True)
class CandleVerdict:
    """The winning line of each side, and the status of every line by its id."""

    winners: dict[Side, Line]
    statuses: dict[int, Status]


def judge_candle(lines: Sequence[Line]) -> CandleVerdict:
    """The verdict on all lines of one candle, which come in order of precedence."""
    winners: dict[Side, Line] = {}
    statuses: dict[int, Status] = {}
    for line in lines:
        agrees = all(
            _is_same(line, winners[side], side)
            for side in SIDES
            if side in winners and line.value(side) is not None
        )
        is_first = False
        for side in SIDES:
            if side not in winners and line.value(side) is not None:
                winners[side], is_first = line, True
        if not agrees:
            statuses[line.id] = Status.CONFLICT
        else:
            statuses[line.id] = Status.USED if is_first else Status.DUPLICATE
    return CandleVerdict(winners, statuses)


def _is_same(line: Line, winner: Line, side: Side) -> bool:
    return _equal(line.value(side), winner.value(side), line.step(side), winner.step(side)) and (
        line.price is None
        or winner.price is None
        or _equal(line.price, winner.price, line.price_step, winner.price_step)
    )


def _equal(
    one: float | None, other: float | None, one_step: float | None, other_step: float | None
) -> bool:
    """Equal at the digits that both printed: 0.1381 and 0.13812 are one signal."""
    if one is None or other is None:
        return False
    if one_step == other_step:
        return one == other
    return abs(one - other) <= max(one_step or 0.0, other_step or 0.0) / 2 + _NOISE
