"""Cut a window into blocks that are searched and blocks that are held out.

The window is first cut where something is known to change (deployment edges,
layout changes, gaps over an hour). Inside, contiguous blocks of at least twelve
candles alternate between search and held out: neighbouring candles are alike,
so single candles would leak from one half into the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.arrays import Ints

MIN_BLOCK_CANDLES = 12  # shorter, and neighbours leak from one half into the other
MIN_BLOCKS = 6  # three of each kind, the least for a proof
_MAX_BLOCK_CANDLES = 48  # longer ones would miss what is wrong for half a day
_BLOCKS_AIMED_AT = 24  # a dozen of each kind
GAP_US = 3_600_000_000  # an hour without rows: candles on both sides are no neighbours


@dataclass(frozen=True, slots=True)
class Blocks:
    """Per candle: its segment, its block, and whether the block is searched or held out."""

    segment: npt.NDArray[np.int64]
    block: npt.NDArray[np.int64]
    is_search: npt.NDArray[np.bool_]
    is_held_out: npt.NDArray[np.bool_]
    is_spare: npt.NDArray[np.bool_]  # search blocks that thinning left out

    @property
    def count(self) -> int:
        """Blocks that take part."""
        return len(np.unique(self.block[self.is_search | self.is_held_out]))

    def thinned(self, search_candles: int, held_out_candles: int) -> "Blocks":
        """At most about so many candles of each kind: blocks left out evenly over the window."""
        is_search = self._thin(self.is_search, search_candles)
        return Blocks(
            self.segment,
            self.block,
            is_search,
            self._thin(self.is_held_out, held_out_candles),
            is_spare=self.is_search & ~is_search,
        )

    def _thin(self, rows: npt.NDArray[np.bool_], candles: int) -> npt.NDArray[np.bool_]:
        names = np.unique(self.block[rows])
        wanted = max(MIN_BLOCKS // 2, int(len(names) * candles / max(int(rows.sum()), 1)))
        if wanted >= len(names):
            return rows
        kept = names[np.unique(np.linspace(0, len(names) - 1, wanted).astype("int64"))]
        return np.asarray(rows & np.isin(self.block, kept))

    @property
    def is_enough(self) -> bool:
        """Whether there are the six blocks that a proof asks for."""
        return self.count >= MIN_BLOCKS


def cut_blocks(
    opens: Ints,
    edges: Sequence[int],
    *,
    min_candles: int | None = None,
    most_candles: int | None = None,
) -> Blocks:
    """Blocks of the candles `opens` (µs, sorted, unique); `edges` are known changes (µs).

    Where at most `most_candles` are going to be re-run, blocks are smaller: as many of them
    then lie spread over the window.
    """
    segment = _segments(opens, edges)
    count = len(opens) if most_candles is None else min(len(opens), most_candles)
    size = min_candles if min_candles is not None else _block_candles(count)
    block = np.zeros(len(opens), dtype="int64")
    first = 0
    for name in np.unique(segment):
        rows = np.flatnonzero(segment == name)
        pieces = max(1, len(rows) // size)
        for number, piece in enumerate(np.array_split(rows, pieces)):
            block[piece] = first + number
        first += pieces
    is_search = block % 2 == 0
    return Blocks(segment, block, is_search, ~is_search, np.zeros(len(opens), dtype=bool))


def _block_candles(candles: int) -> int:
    return int(np.clip(candles // _BLOCKS_AIMED_AT, MIN_BLOCK_CANDLES, _MAX_BLOCK_CANDLES))


def _segments(opens: Ints, edges: Sequence[int]) -> npt.NDArray[np.int64]:
    """Segment numbers; a cut that would leave fewer than twelve candles is not made."""
    cuts = set(np.searchsorted(opens, np.array(sorted(edges), dtype="int64")).tolist())
    cuts |= set((np.flatnonzero(np.diff(opens) > GAP_US) + 1).tolist())
    segment = np.zeros(len(opens), dtype="int64")
    last = 0
    for cut in sorted(cuts):
        if cut - last >= MIN_BLOCK_CANDLES and len(opens) - cut >= MIN_BLOCK_CANDLES:
            segment[cut:] += 1
            last = cut
    return segment
