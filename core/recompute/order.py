"""In which order candles are recomputed, so that a budget is spent where it tells most."""

from collections.abc import Iterator, Sequence

import numpy as np

FLAGGED = 100
NEWEST = 100


def order_candles(
    wanted: Sequence[int], flagged: Sequence[int], postponed: Sequence[int] = ()
) -> list[int]:
    """Flagged (worst first) and newest candles in turn, then a sample that spreads ever finer.

    wanted, flagged, postponed: candle opens in µs; flagged ones count only where
    wanted. The spread visits the remaining candles in the order of reversed
    binary digits, so that wherever the budget ends, what was done is spread
    over the whole window. Postponed ones (failed before) come last.
    """
    late = set(postponed)
    rest = {open_us for open_us in wanted if open_us not in late}
    first = _in_turn(
        [open_us for open_us in flagged if open_us in rest][:FLAGGED],
        sorted(rest, reverse=True)[:NEWEST],
    )
    taken = dict.fromkeys(first)
    ordered = sorted(rest.difference(taken))
    spread = [ordered[i] for i in spread_order(len(ordered))]
    return [*taken, *spread, *sorted(late.intersection(wanted), reverse=True)]


def spread_order(count: int) -> list[int]:
    """0 … count − 1 in the order of their reversed binary digits: 0, middle, quarters, …"""
    bits = max(1, (count - 1).bit_length())
    numbers = np.arange(1 << bits, dtype=np.int64)
    reversed_ = np.zeros_like(numbers)
    for bit in range(bits):
        reversed_ |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return [int(number) for number in reversed_ if number < count]


def _in_turn(left: Sequence[int], right: Sequence[int]) -> Iterator[int]:
    for i in range(max(len(left), len(right))):
        yield from left[i : i + 1]
        yield from right[i : i + 1]
