"""What counts as equal, whose labels move, and what can be re-run."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.alignment.pairs import is_aligned, replay_tolerance
from core.diagnosis.evidence.evidence import Kind, half_step
from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.examination.examine import examine
from tests.diagnosis.small import both, compare, linear_bundle, opens


@pytest.mark.parametrize(("apart", "differs"), [(9e-7, False), (1.1e-6, True)])
def test_a_millionth_is_the_least_difference(apart: float, differs: bool) -> None:
    right = np.full(24, 0.5)
    assert examine(compare(right, right + apart)).differs is differs


def test_half_of_the_coarser_printed_digit_counts_as_equal() -> None:
    right = np.full(3, 0.5)
    mine, other = both([0.01, 0.01, np.nan]), both([np.nan, 0.1, np.nan])
    evidence = compare(right, right, production_step=mine, other_step=other)
    assert evidence.floor[:, 0] == pytest.approx([0.005, 0.05, 1e-6], abs=2e-12)
    assert evidence.emitted_floor[:, 0] == pytest.approx([0.005, 0.005, 1e-6], abs=2e-12)


def test_two_numbers_that_print_alike_are_equal_though_half_a_digit_is_no_float() -> None:
    apart = 0.155 - 0.15
    assert apart > 0.005  # as floats
    assert apart <= half_step(np.array([0.01]))[0]


def test_a_difference_within_the_floor_is_what_the_pairs_call_aligned() -> None:
    steps = np.array([np.nan, 0.1, 0.01, 1e-4, 1e-5, 2e-6, 1e-6, 1e-8])
    tolerance = replay_tolerance(pd.Series(steps)).to_numpy()
    right = np.full(len(steps), 0.5)
    evidence = compare(right, right, production_step=both(steps))
    for apart in (tolerance, tolerance + 0.9e-12, tolerance + 1.1e-12, tolerance * 1.001):
        within = apart <= evidence.floor[:, 0]
        assert within.tolist() == is_aligned(apart, tolerance).tolist()


@pytest.mark.parametrize(
    ("live", "place"),
    [(None, None), ([-1, -1, -1], None), ([-1, -1, 1], 1), ([0, 1, 1], 1), ([0, 1, -1], 0)],
)
def test_the_bundle_of_most_candles_is_mostly_live(
    live: list[int] | None, place: int | None
) -> None:
    right = np.full(3, 0.5)
    known = None if live is None else np.array(live)
    assert compare(right, right, live=known).mostly_live == place


def test_labels_move_where_a_signal_was_emitted_and_everywhere_without_any() -> None:
    places = np.arange(3)
    some = compare([0.5, np.nan, 0.5], [0.5, 0.5, 0.5])
    assert some.label_shift(places, -2).tolist() == [-2, 0, -2]
    assert some.label_shift(places, 0).tolist() == [0, 0, 0]
    none = compare([0.5, 0.5, 0.5], [0.5, 0.5, 0.5], emitted=np.full((3, 2), np.nan))
    assert not none.is_emitted
    assert none.label_shift(places, -2).tolist() == [-2, -2, -2]


def test_features_can_be_computed_again_with_code_candles_and_a_bundle() -> None:
    right = np.full(3, 0.5)
    whole = compare(
        right,
        right,
        kind=Kind.RECOMPUTED,
        recompute=lambda *arguments: None,
        candles={"files": CandleRows(opens(3), np.ones((3, 5)))},
        bundles=(linear_bundle("own", ("a",), [1.0]),),
    )
    assert whole.can_recompute
    assert not replace(whole, recompute=None).can_recompute
    assert not replace(whole, candles={}).can_recompute
    assert not replace(whole, bundles=()).can_recompute
    assert not replace(whole, kind=Kind.IMPORTED).can_recompute
