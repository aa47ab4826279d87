"""When two lines of signal logs say the same; which one counts is core.tailing.precedence's.

LONG and SHORT may come from different logs: each side has its own first line.
"""

from collections.abc import Sequence
from typing import NamedTuple

from core.market import SIDES, Side
from core.tailing.precedence import Status, Verdict, judge

_NOISE = 1e-12  # 0.5005 - 0.5 is a little more than half of 0.001


class Line(NamedTuple):
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

    def sides(self) -> list[Side]:
        """The sides that it speaks of."""
        return [side for side in SIDES if self.value(side) is not None]


def judge_candle(lines: Sequence[Line]) -> Verdict[Line, Side]:
    """The verdict on all lines of one candle, which come in their order."""
    if len(lines) == 1:  # nearly every candle
        return Verdict(dict.fromkeys(lines[0].sides(), lines[0]), [Status.USED])
    return judge(lines, Line.sides, _is_same)


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
