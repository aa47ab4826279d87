import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from core.alignment.pairs import judge_pairs, pair_signals, replay_tolerance
from tests.factories import rules, signals

A, B, C = "2025-11-03 04:45", "2025-11-03 04:50", "2025-11-03 04:55"
PROBABILITIES = st.lists(st.floats(min_value=0, max_value=1, width=32), min_size=1, max_size=30)


def judged(
    production: pd.DataFrame, backtest: pd.DataFrame, tolerance: float = 0.1, **own: float
) -> pd.DataFrame:
    paired = pair_signals(production, backtest)
    live = rules(pd.DatetimeIndex(paired["candle_open"].unique()))
    return judge_pairs(
        paired, tolerance=tolerance, live_rule=live, backtest_rule=live.assign(**own)
    )


def series(values: list[float]) -> pd.DataFrame:
    opens = pd.date_range(A, periods=len(values), freq="5min").astype(str).tolist()
    return signals(opens, long=values, short=values[::-1])


def test_diff_is_production_minus_backtest() -> None:
    paired = pair_signals(signals([A], [0.75], [0.25]), signals([A], [0.5], [0.5]))
    assert paired["diff"].tolist() == [0.25, -0.25]
    assert paired["abs_diff"].tolist() == [0.25, 0.25]
    assert paired["side"].tolist() == ["LONG", "SHORT"]


def test_a_missing_candle_is_unmatched_not_zero() -> None:
    paired = pair_signals(signals([A, B], [0.5, 0.6]), signals([B, C], [0.5, 0.6]))
    assert paired["candle_open"].dt.strftime("%H:%M").tolist() == ["04:45", "04:50", "04:55"]
    assert paired["diff"].isna().tolist() == [True, False, True]
    assert np.isnan(paired["probability_backtest"].iloc[0])
    assert np.isnan(paired["probability_production"].iloc[2])


def test_a_key_that_stands_twice_is_refused() -> None:
    twice = pd.concat([signals([A], [0.5]), signals([A], [0.6])])
    with pytest.raises(pd.errors.MergeError):
        pair_signals(twice, signals([A], [0.5]))


def test_nothing_pairs_with_nothing() -> None:
    pairs = judged(signals([]), signals([]))
    assert len(pairs) == 0
    assert {"is_aligned", "flip", "decision_flip"} <= set(pairs.columns)


@settings(max_examples=25)
@given(PROBABILITIES)
def test_a_side_paired_with_itself_has_no_diff(values: list[float]) -> None:
    pairs = judged(series(values), series(values))
    assert (pairs["diff"] == 0).all()
    assert pairs["is_aligned"].all()
    assert not pairs["flip"].any()
    assert not pairs["decision_flip"].any()


@settings(max_examples=25)
@given(PROBABILITIES, st.randoms())
def test_row_order_is_irrelevant_and_inputs_stay(values: list[float], random: object) -> None:
    production, backtest = series(values), series(values[::-1])
    shuffled = production.sample(frac=1, random_state=len(values))
    before = shuffled.copy()
    assert_frame_equal(pair_signals(shuffled, backtest), pair_signals(production, backtest))
    assert_frame_equal(shuffled, before)


@settings(max_examples=25)
@given(PROBABILITIES)
def test_swapping_the_sides_negates_the_diffs(values: list[float]) -> None:
    one, other = series(values), series([1 - value for value in values])
    forth, back = pair_signals(one, other), pair_signals(other, one)
    assert (forth["diff"] == -back["diff"]).all()


@pytest.mark.parametrize(
    ("production", "backtest", "is_aligned"),
    [
        (0.8, 0.7, True),  # 0.10000000000000009 as floats, 0.1 as decimals: not above
        (0.75, 0.65, True),
        (0.8, 0.699999, False),
        (0.3, 0.3, True),
    ],
)
def test_above_the_tolerance_is_strict(
    production: float, backtest: float, is_aligned: bool
) -> None:
    pairs = judged(signals([A], [production]), signals([A], [backtest]))
    assert pairs["is_aligned"].tolist() == [is_aligned]


def test_replay_tolerance_is_half_the_last_printed_digit() -> None:
    steps = pd.Series([1e-4, np.nan, 1e-9, 1e-2])
    assert replay_tolerance(steps).tolist() == [5e-5, 1e-6, 1e-6, 5e-3]


@settings(max_examples=25)
@given(st.floats(min_value=0, max_value=1, width=32), st.integers(min_value=1, max_value=6))
def test_a_printed_signal_is_aligned_with_what_was_printed(value: float, digits: int) -> None:
    printed = float(f"{value:.{digits}f}")
    paired = pair_signals(signals([A], [printed], step=10.0**-digits), signals([A], [value]))
    live = rules(pd.DatetimeIndex(paired["candle_open"]))
    pairs = judge_pairs(paired, tolerance=replay_tolerance(paired["step"]), live_rule=live)
    assert pairs["is_aligned"].all()


def test_a_printed_signal_beyond_half_a_digit_is_not_aligned() -> None:
    paired = pair_signals(signals([A], [0.1381], step=1e-4), signals([A], [0.13804]))
    live = rules(pd.DatetimeIndex(paired["candle_open"]))
    pairs = judge_pairs(paired, tolerance=replay_tolerance(paired["step"]), live_rule=live)
    assert pairs["is_aligned"].tolist() == [False]


def test_a_flip_is_on_different_sides_of_its_own_threshold() -> None:
    production = signals([A, B], [0.70, 0.71], [0.69, 0.2])
    backtest = signals([A, B], [0.6999, 0.95], [0.70, 0.1])
    pairs = judged(production, backtest)
    flips = pairs.set_index(["candle_open", "side"])["flip"]
    assert flips.tolist() == [True, True, False, False]


def test_thresholds_are_those_of_each_candle() -> None:
    paired = pair_signals(signals([A, B], [0.8, 0.8]), signals([A, B], [0.75, 0.75]))
    live = rules(pd.DatetimeIndex(paired["candle_open"])).assign(long_threshold=[0.7, 0.78])
    pairs = judge_pairs(paired, tolerance=0.1, live_rule=live)
    assert pairs["flip"].tolist() == [False, True]


def test_a_decision_flips_by_the_whole_rule() -> None:
    # Both flip nothing alone (SHORT stays above 0.7), but the LONG it would block does.
    production = signals([A], [0.3], [0.75])
    backtest = signals([A], [0.65], [0.75])
    pairs = judged(production, backtest, tolerance=0.5)
    assert pairs["flip"].tolist() == [False, False]
    assert pairs["decision_flip"].tolist() == [True, True]


def test_the_backtests_own_rule_decides_its_side_only() -> None:
    production, backtest = signals([A], [0.72], [0.1]), signals([A], [0.72], [0.1])
    pairs = judged(production, backtest, long_threshold=0.75)
    assert pairs["flip"].tolist() == [False, False]
    assert pairs["decision_flip"].tolist() == [True, True]


def test_a_decision_is_unknown_where_a_signal_is_missing() -> None:
    pairs = judged(signals([A], [0.72]), signals([A], [0.2], [0.1]))
    assert pairs["side"].tolist() == ["LONG"]
    assert pairs["flip"].tolist() == [True]
    assert pairs["decision_flip"].isna().tolist() == [True]
