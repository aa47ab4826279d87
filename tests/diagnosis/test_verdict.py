import numpy as np
import pytest

from core.diagnosis.finding import Verdict
from core.diagnosis.verdict import Judgement, judge


def _judge(before: list[float], after: list[float], block_candles: int = 12) -> Judgement:
    rows = np.array(before)[:, None], np.array(after)[:, None]
    blocks = np.arange(len(before)) // block_candles
    return judge(*rows, np.full((len(before), 1), 1e-6), blocks)


def test_a_difference_that_goes_away_everywhere_is_proven() -> None:
    found = _judge([0.2] * 30 + [0.0] * 30, [0.0] * 60)
    assert found.verdict is Verdict.PROVEN
    assert found.explained_ratio == 1.0
    assert (found.differing, found.repaired, found.agreed, found.damaged) == (30, 30, 30, 0)


def test_ninety_four_percent_explained_is_partial() -> None:
    found = _judge([0.1] * 60, [0.006] * 60)
    assert found.verdict is Verdict.PARTIAL
    assert found.explained_ratio == pytest.approx(0.94)


def test_repaired_candles_do_not_stand_in_for_what_is_left() -> None:
    # 96 % of the candles are equal again, but the four that are not hold 11 % of the difference.
    before = [0.1] * 96 + [0.3] * 4 + [0.0] * 20
    found = _judge(before, [0.0] * 96 + [0.3] * 4 + [0.0] * 20)
    assert found.repaired / found.differing == pytest.approx(0.96)
    assert found.explained_ratio == pytest.approx(0.889, abs=0.001)
    assert found.verdict is Verdict.PARTIAL


@pytest.mark.parametrize(
    ("left", "verdict"),
    [(0.0951, Verdict.REFUTED), (0.0949, Verdict.PARTIAL)],
)
def test_five_percent_is_the_least_that_is_not_refuted(left: float, verdict: Verdict) -> None:
    assert _judge([0.1] * 60, [left] * 60).verdict is verdict


@pytest.mark.parametrize(("differing", "verdict"), [(7, Verdict.PARTIAL), (8, Verdict.PROVEN)])
def test_a_proof_needs_eight_differing_candles(differing: int, verdict: Verdict) -> None:
    before = [0.2] * (differing - 4) + [0.0] * 20 + [0.2] * 4
    assert _judge(before, [0.0] * len(before)).verdict is verdict


def test_a_mean_that_vanishes_while_candles_still_differ_is_partial() -> None:
    after = [0.0] * 50 + [1e-5] * 10
    found = _judge([0.2] * 60, after)
    assert found.explained_ratio is not None and found.explained_ratio > 0.99
    assert found.verdict is Verdict.PARTIAL
    assert found.shortfall == "only 50 of 60 differing candles became equal"


def test_one_in_fifty_agreeing_candles_damaged_is_no_proof() -> None:
    found = _judge([0.5] * 50 + [0.0] * 50, [0.0] * 99 + [1e-4])
    assert found.verdict is Verdict.PARTIAL
    assert found.shortfall == "1 of 50 equal candles became different"


def test_seven_differing_candles_are_too_few() -> None:
    found = _judge([0.2] * 3 + [0.0] * 20 + [0.2] * 4, [0.0] * 27)
    assert found.verdict is Verdict.PARTIAL
    assert "too few candles" in found.shortfall


def test_differences_in_one_block_are_too_few() -> None:
    assert _judge([0.2] * 12 + [0.0] * 24, [0.0] * 36).verdict is Verdict.PARTIAL


def test_four_percent_is_refuted() -> None:
    assert _judge([0.1] * 60, [0.096] * 60).verdict is Verdict.REFUTED


def test_a_trial_that_makes_it_worse_is_refuted_with_a_negative_ratio() -> None:
    found = _judge([0.1] * 60, [0.2] * 60)
    assert found.verdict is Verdict.REFUTED
    assert found.explained_ratio == pytest.approx(-1.0)


def test_nothing_to_explain_has_no_ratio() -> None:
    found = _judge([0.0] * 60, [0.0] * 60)
    assert found.explained_ratio is None
    assert found.verdict is Verdict.REFUTED


def test_a_candle_that_the_trial_cannot_compute_does_not_count_as_repaired() -> None:
    found = _judge([0.2] * 60, [0.0] * 50 + [np.nan] * 10)
    assert found.repaired == 50
    assert found.verdict is Verdict.PARTIAL


def test_a_residual_that_cannot_be_computed_is_none() -> None:
    found = _judge([0.2] * 60, [np.nan] * 60)
    assert found.residual_mean_abs_diff is None
    assert found.explained_ratio is None


@pytest.mark.parametrize(("left", "verdict"), [(0.0051, Verdict.PARTIAL), (0.0049, Verdict.PROVEN)])
def test_ninety_five_percent_explained_is_the_least_of_a_proof(
    left: float, verdict: Verdict
) -> None:
    # Each candle is equal but for one in thirty, which holds what is left.
    after = np.zeros(60)
    after[[0, 30]] = left * 30
    before = np.full(60, 0.1)
    found = _judge(before.tolist(), after.tolist())
    assert found.repaired == 58
    assert found.verdict is verdict


@pytest.mark.parametrize(("repaired", "verdict"), [(94, Verdict.PARTIAL), (95, Verdict.PROVEN)])
def test_ninety_five_of_a_hundred_differing_candles_have_to_become_equal(
    repaired: int, verdict: Verdict
) -> None:
    after = [0.0] * repaired + [1e-4] * (100 - repaired)
    assert _judge([0.2] * 100, after).verdict is verdict


@pytest.mark.parametrize(("damaged", "verdict"), [(1, Verdict.PROVEN), (2, Verdict.PARTIAL)])
def test_one_of_a_hundred_equal_candles_may_become_different(
    damaged: int, verdict: Verdict
) -> None:
    after = [0.0] * (200 - damaged) + [1e-4] * damaged
    assert _judge([0.5] * 100 + [0.0] * 100, after).verdict is verdict


def test_differences_in_two_blocks_are_the_fewest_of_a_proof() -> None:
    before = [0.2] * 4 + [0.0] * 8 + [0.2] * 4 + [0.0] * 8
    assert _judge(before, [0.0] * 24).verdict is Verdict.PROVEN
    assert _judge(before, [0.0] * 24, block_candles=24).shortfall == (
        "too few candles: 8 differing held-out candles in 1 block; a proof needs 8 in 2 blocks"
    )


def test_a_candle_differs_where_one_of_its_sides_does() -> None:
    before = np.column_stack([np.full(24, 0.2), np.zeros(24)])
    one_left = np.column_stack([np.zeros(24), np.full(24, 0.2)])
    floor, blocks = np.full((24, 2), 1e-6), np.arange(24) // 12
    found = judge(before, one_left, floor, blocks)
    assert (found.differing, found.repaired) == (24, 0)
    assert found.verdict is Verdict.REFUTED  # as much is left as there was


def test_a_difference_within_the_floor_is_no_difference() -> None:
    rows = np.full((24, 1), 0.04)
    found = judge(rows, rows * 0, np.full((24, 1), 0.05), np.arange(24) // 12)
    assert (found.differing, found.agreed) == (0, 24)
    assert found.verdict is Verdict.REFUTED


def test_candles_without_both_sides_are_not_counted() -> None:
    found = _judge([0.2] * 24 + [np.nan] * 24, [0.0] * 48)
    assert found.held_out_candles == 24
