import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.diagnosis.evidence.blocks import Blocks, cut_blocks

STEP = 300_000_000


def _opens(candles: int, first: int = 0) -> np.ndarray:
    return (first + np.arange(candles, dtype="int64")) * STEP


def _sizes(blocks: Blocks) -> np.ndarray:
    return np.bincount(blocks.block)


@given(candles=st.integers(24, 5000))
def test_blocks_hold_at_least_twelve_candles_and_alternate(candles: int) -> None:
    blocks = cut_blocks(_opens(candles), ())
    assert _sizes(blocks).min() >= 12
    assert (blocks.is_search == (blocks.block % 2 == 0)).all()
    assert (blocks.is_search != blocks.is_held_out).all()
    assert (np.diff(blocks.block) >= 0).all()


def test_a_day_of_five_minutes_has_enough_blocks_and_an_hour_has_not() -> None:
    assert cut_blocks(_opens(288), ()).is_enough
    assert not cut_blocks(_opens(12), ()).is_enough


def test_a_proof_needs_six_blocks_of_twelve_candles() -> None:
    assert cut_blocks(_opens(72), ()).is_enough
    assert not cut_blocks(_opens(71), ()).is_enough


def test_a_window_is_cut_in_24_blocks_but_none_is_longer_than_48_candles() -> None:
    assert cut_blocks(_opens(480), ()).count == 24
    assert set(_sizes(cut_blocks(_opens(2880), ()))) == {48}


def test_no_block_reaches_over_an_edge() -> None:
    edge = 100 * STEP
    blocks = cut_blocks(_opens(288), (edge,))
    assert blocks.block[99] != blocks.block[100]
    assert blocks.segment[99] + 1 == blocks.segment[100]


def test_a_gap_over_an_hour_cuts_and_a_shorter_one_does_not() -> None:
    long_gap = np.concatenate([_opens(50), _opens(50, first=62)])
    short_gap = np.concatenate([_opens(50), _opens(50, first=61)])
    assert cut_blocks(long_gap, ()).segment.max() == 1
    assert cut_blocks(short_gap, ()).segment.max() == 0


def test_an_edge_that_leaves_fewer_than_twelve_candles_does_not_cut() -> None:
    assert cut_blocks(_opens(100), (5 * STEP,)).segment.max() == 0


def test_thinning_leaves_out_whole_blocks_evenly() -> None:
    blocks = cut_blocks(_opens(2880), ())
    thin = blocks.thinned(300, 600)
    assert 200 <= thin.is_search.sum() <= 300
    assert 500 <= thin.is_held_out.sum() <= 600
    assert thin.is_enough
    assert not (thin.is_search & ~blocks.is_search).any()
    assert blocks.thinned(5000, 5000).is_search.all() == blocks.is_search.all()
