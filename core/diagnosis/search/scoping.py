"""Which candles a change speaks of, found on searched candles alone."""

from dataclasses import replace

import numpy as np

from core.arrays import Floats, Ints
from core.diagnosis.lab.world import Change, Scope
from core.diagnosis.search.search import Search

_WHOLE_IS_ENOUGH = 0.9  # of the gain that a scope could reach: chance gives any change some
_FURTHER_RANGE = 0.1  # of the first range's gain; what gains less is the noise of its inputs
_MIN_RANGE_CANDLES = 6  # half of the shortest block
_MAX_RANGES = 12  # each is told by its ends; what comes more often is told by no stretch


def with_scope(search: Search, change: Change) -> Change:
    """The change for the stretch of time in which it helps; everywhere if that is as good.

    Ends lie on searched candles. A held-out block beside an end stays outside unless a
    known cut of the window lies there: nothing searched says to which side it belongs.
    """
    whole = replace(change, scope=Scope())
    places = search.places
    gains = _gains(search, whole, places)
    ranges = best_stretches(gains)
    reachable = sum(float(gains[first : last + 1].sum()) for first, last in ranges)
    if not ranges or gains.sum() >= _WHOLE_IS_ENOUGH * reachable:
        return whole
    spans = (_labels(search, places, ends) for ends in ranges)
    return replace(whole, scope=Scope(tuple(_reached(search, whole, span) for span in spans)))


def _gains(search: Search, change: Change, places: Ints) -> Floats:
    """By how much the change lessens each candle's difference; what the log rounds is none."""
    floor = search.floor[places]
    before = np.fmax(search.differences(search.accepted, places), floor)
    after = np.fmax(search.differences(search.with_change(change), places), floor)
    return np.asarray((before - after).sum(axis=1))


def _reached(search: Search, whole: Change, span: tuple[int, int]) -> tuple[int, int]:
    """A span grown by the spare search blocks beside it in which the change helps as well."""
    opens, block = search.evidence.opens, search.blocks.block
    first, last = np.searchsorted(opens, span)
    searched = np.unique(block[search.places])
    spare = np.unique(block[search.blocks.is_spare])
    inside = searched[(searched >= block[first]) & (searched <= block[last])]
    if not len(inside) or not len(spare):
        return span
    before, after = searched[searched < inside[0]], searched[searched > inside[-1]]
    low = before[-1] if len(before) else -1
    high = after[0] if len(after) else block[-1] + 1
    earlier = _farthest_helped(search, whole, spare[(spare > low) & (spare < inside[0])][::-1])
    later = _farthest_helped(search, whole, spare[(spare > inside[-1]) & (spare < high)])
    if earlier is not None:
        first = min(first, np.flatnonzero(block == earlier)[0])
    if later is not None:
        last = max(last, np.flatnonzero(block == later)[-1])
    return int(opens[first]), int(opens[last])


def _farthest_helped(search: Search, whole: Change, blocks: Ints) -> int | None:
    """By halving: the last of these blocks, nearest first, in which the change helps."""
    low, high = 0, len(blocks)  # blocks before `low` are helped, from `high` on they are not
    while low < high:
        middle = (low + high) // 2
        rows = np.flatnonzero(search.blocks.block == blocks[middle])
        if _gains(search, whole, rows).sum() > 0:
            low = middle + 1
        else:
            high = middle
    return int(blocks[low - 1]) if low else None


def best_stretches(gains: Floats) -> list[tuple[int, int]]:
    """First and last places of the stretches with the largest sums, in order, no weak ones."""
    stretches: list[tuple[float, int, int]] = []
    open_parts = [(0, len(gains))]
    while open_parts and len(stretches) < _MAX_RANGES:
        first, stop = open_parts.pop()
        total, start, last = _best_stretch(gains[first:stop])
        if total <= 0 or last - start + 1 < _MIN_RANGE_CANDLES:
            continue
        stretches.append((total, first + start, first + last))
        open_parts += [(first, first + start), (first + last + 1, stop)]
    strongest = max((total for total, _, _ in stretches), default=0.0)
    return sorted(
        (start, last) for total, start, last in stretches if total >= _FURTHER_RANGE * strongest
    )


def _best_stretch(gains: Floats) -> tuple[float, int, int]:
    """Sum, first and last place of the contiguous stretch with the largest sum."""
    if len(gains) == 0:
        return 0.0, 0, -1
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    lowest = np.minimum.accumulate(sums[:-1])
    last = int(np.argmax(sums[1:] - lowest))
    earlier = sums[: last + 1]
    start = int(np.flatnonzero(earlier == earlier.min())[-1])  # what changes nothing stays out
    return float(sums[last + 1] - sums[start]), start, last


def _labels(search: Search, places: Ints, ends: tuple[int, int]) -> tuple[int, int]:
    """The stretch as labels, reaching to a known cut or the window's end."""
    opens, segment = search.evidence.opens, search.blocks.segment
    first, last = int(places[ends[0]]), int(places[ends[1]])
    before = int(places[ends[0] - 1]) if ends[0] > 0 else -1
    after = int(places[ends[1] + 1]) if ends[1] + 1 < len(places) else len(opens)
    while first - 1 > before and (before < 0 or segment[first - 1] == segment[first]):
        if before >= 0 and segment[before] == segment[first]:
            break
        first -= 1
    while last + 1 < after and (after >= len(opens) or segment[last + 1] == segment[last]):
        if after < len(opens) and segment[after] == segment[last]:
            break
        last += 1
    return int(opens[first]), int(opens[last])
