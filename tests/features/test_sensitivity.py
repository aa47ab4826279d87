import pandas as pd
import pytest

from core.features.sensitivity import (
    SensitivityReport,
    choose_sample,
    compare_signals,
    lookback_sensitivity,
)
from core.recompute.compute import Request
from core.recompute.pipeline import load_pipeline
from core.recompute.recompute import recompute_features
from core.times import Timeframe, us_from_index
from tests.recompute.recompute_world import NOW, make_candles

CANDLES = make_candles(700)
TRUE_BARS = 230
SAMPLE = pd.DatetimeIndex(CANDLES["candle_open"].iloc[[520, 600, 650, 699]])
REFERENCE = load_pipeline("reference", [])
FIVE = Timeframe.parse("5m")


def features_at(bars: int) -> pd.DataFrame:
    result = recompute_features(
        Request(pipeline=REFERENCE, lookback_bars=bars, timeframe=FIVE), CANDLES, SAMPLE, now=NOW
    )
    return result.features


def ladder(logged: pd.DataFrame, rungs: list[int], budget_s: float = 60) -> SensitivityReport:
    return lookback_sensitivity(
        Request(pipeline=REFERENCE, lookback_bars=TRUE_BARS, timeframe=FIVE, budget_s=budget_s),
        CANDLES,
        logged,
        rungs,
        now=NOW,
    )


def test_the_true_lookback_is_the_one_that_matches_every_feature() -> None:
    report = ladder(features_at(TRUE_BARS), [50, 100, 220, TRUE_BARS, 240, 500])
    assert report.matching_lookbacks == (TRUE_BARS,)
    assert report.true_lookback == TRUE_BARS
    features = report.features.set_index("feature")
    assert features["smallest_match"].max() == TRUE_BARS
    assert features.loc[features["smallest_match"] == TRUE_BARS, "equal_at_match"].all()


def test_trailing_feature_matches_early_and_stays_recursive_one_only_there() -> None:
    report = ladder(features_at(TRUE_BARS), [50, 100, 220, TRUE_BARS, 240, 500])
    features = report.features.set_index("feature")
    assert list(features.loc["change_12_pct"][["smallest_match", "stays"]]) == [50, True]
    assert features["smallest_match"]["rsi_14"] >= 100
    # A value that depends on where the frame begins is reached there and lost again.
    only_there = features[features["smallest_match"] == TRUE_BARS]
    assert len(only_there) > 10
    assert not only_there["stays"].any()


def test_without_the_true_rung_nothing_matches_all_and_that_is_said() -> None:
    report = ladder(features_at(TRUE_BARS), [100, 500])
    assert report.true_lookback is None
    features = report.features.set_index("feature")
    assert features["smallest_match"].isna().any()
    assert features.loc[features["smallest_match"].isna(), "max_relative_diff"].gt(1e-9).all()


def test_several_matching_lookbacks_name_none_as_the_true_one() -> None:
    logged = features_at(TRUE_BARS)[["change_1_pct", "change_12_pct"]]
    report = ladder(logged, [50, 100])
    assert report.matching_lookbacks == (50, 100)
    assert report.true_lookback is None


def test_rung_beyond_the_history_is_missing_not_shorter() -> None:
    report = ladder(features_at(TRUE_BARS), [TRUE_BARS, 600])
    assert report.missing == {TRUE_BARS: 0, 600: 1}
    assert report.ladder == (TRUE_BARS, 600)


def test_budget_that_ends_leaves_rungs_pending() -> None:
    report = ladder(features_at(TRUE_BARS), [100, TRUE_BARS], budget_s=0)
    assert report.ladder == (100,)
    assert report.pending == 4


def test_signals_of_a_rung_have_diffs_and_flips_by_the_thresholds() -> None:
    production = pd.DataFrame({"candle_open": SAMPLE, "side": "LONG", "probability": 0.5})
    recomputed = production.assign(probability=[0.5, 0.75, 0.25, 0.5])
    rows = compare_signals(
        100,
        production,
        recomputed,
        lambda opens: pd.DataFrame({"long_threshold": 0.5, "short_threshold": 0.9}, index=opens),
    )
    assert rows == [
        {
            "lookback_bars": 100,
            "side": "LONG",
            "candles": 4,
            "mean_abs_diff": 0.125,
            "max_abs_diff": 0.25,
            "flips": 1,
        }
    ]


def test_sample_spreads_over_the_window() -> None:
    sample = choose_sample(pd.DatetimeIndex(CANDLES["candle_open"]), 8)
    steps = us_from_index(sample)[1:] - us_from_index(sample)[:-1]
    assert len(sample) == 8
    assert steps.max() <= 2 * steps.min()


@pytest.mark.parametrize("size", [1, 700, 5000])
def test_sample_is_never_larger_than_the_window(size: int) -> None:
    assert len(choose_sample(pd.DatetimeIndex(CANDLES["candle_open"]), size)) == min(size, 700)
