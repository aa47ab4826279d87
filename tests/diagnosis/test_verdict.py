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
