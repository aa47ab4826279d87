from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alignment import overview as seen
from core.alignment.metrics import pair_metrics
from core.bundle.deployments import deployment_spans
from core.settings import BotSettings


def pairs(
    diffs: list[float], *, tolerance: float = 0.1, side: str = "LONG", start: str = "2025-11-03"
) -> pd.DataFrame:
    """Pairs whose backtest is 0.5, five minutes apart."""
    diff = np.array(diffs, dtype="float64")
    count = len(diff)
    return pd.DataFrame(
        {
            "candle_open": pd.date_range(start, periods=count, freq="5min", tz="UTC").as_unit("us"),
            "side": side,
            "production": 0.5 + diff,
            "backtest": np.full(count, 0.5),
            "diff": diff,
            "abs_diff": np.abs(diff),
            "is_aligned": np.abs(diff) <= tolerance,
            "flip": np.zeros(count, dtype=bool),
            "decision_flip": pd.array([False] * count, dtype="boolean"),
        }
    )


@settings(max_examples=30)
@given(st.lists(st.floats(min_value=-0.5, max_value=0.5), min_size=1, max_size=60))
def test_histograms_count_every_pair_once_and_mark_what_is_beyond(diffs: list[float]) -> None:
    frame = pairs(diffs)
    for bins in (seen.signed_histogram(frame, 0.1), seen.absolute_histogram(frame, 0.1)):
        assert bins["count"].sum() == len(frame)
        assert bins.loc[bins["is_beyond"], "count"].sum() == (~frame["is_aligned"]).sum()
        assert (bins["upper"] > bins["lower"]).all()


def test_bins_are_even_parts_of_the_tolerance() -> None:
    assert seen.bin_width(pd.Series([0.05]), 0.1) == 0.005
    assert seen.bin_width(pd.Series([0.9]), 0.1) == 0.02
    assert seen.bin_width(pd.Series([], dtype="float64"), 0.1) == 0.005
    assert seen.bin_width(pd.Series([0.6]), 1e-6) >= 0.01


def test_a_diff_of_zero_lies_in_the_bin_that_begins_at_zero() -> None:
    bins = seen.signed_histogram(pairs([0.0, 0.0]), 0.1)
    assert bins[["lower", "upper", "count"]].to_numpy().tolist() == [[0.0, 0.005, 2.0]]


def test_density_puts_production_across_and_backtest_up() -> None:
    (density,) = seen.densities(pairs([0.3, 0.3, -0.4]), bins=10)
    assert density.counts.sum() == 3
    assert density.counts[5, 8] == 2
    assert density.counts[5, 1] + density.counts[5, 0] == 1


def test_hours_and_weekdays_are_utc() -> None:
    frame = pairs([0.1, 0.2], start="2025-11-03 23:55")  # a Monday
    hours = seen.by_hour(frame)
    assert hours["hour"].tolist() == [0, 23]
    assert seen.by_weekday(frame)["weekday"].tolist() == [0, 1]
    assert hours["mean_abs_diff"].tolist() == [0.2, 0.1]


def test_the_figures_of_a_course_are_those_of_the_table_of_metrics() -> None:
    diffs = np.random.default_rng(4).normal(0, 0.1, 700).tolist()
    frame = pd.concat([pairs(diffs), pairs(diffs[::-1], side="SHORT")], ignore_index=True)
    hours = seen.by_hour(frame)
    named = frame.assign(hour=frame["candle_open"].dt.hour)
    names = ["mean_abs_diff", "p95_abs_diff", "max_abs_diff", "share_above_tolerance", "pairs"]
    expected = pair_metrics(named, by=("side", "hour"))[names].reset_index()
    assert hours.columns.tolist() == expected.columns.tolist()
    assert hours.to_numpy().tolist() == expected.to_numpy().tolist()


def test_course_has_at_most_200_buckets() -> None:
    frame = pairs([0.0] * 5000)
    assert len(seen.course(frame)) <= 200
    assert seen.course(frame)["pairs"].sum() == 5000
    assert seen.course(frame.iloc[:0]).empty


def test_deployments_cut_time_at_candle_closes_and_leave_gaps_visible() -> None:
    bot = BotSettings.model_validate(
        {
            "name": "btc",
            "deployments": [
                {
                    "bundle": "b/one",
                    "from": "2025-11-03T00:00:00Z",
                    "until": "2025-11-03T01:00:00Z",
                },
                {"bundle": "b/two", "from": "2025-11-03T02:00:00Z"},
            ],
        }
    )
    stretches = seen.deployment_stretches(deployment_spans(bot), bot.frame)
    starts = [one.start for one in stretches]
    assert starts[0] == datetime(2025, 11, 2, 23, 55, tzinfo=UTC)
    assert starts[1] == datetime(2025, 11, 3, 0, 55, tzinfo=UTC)
    assert [one.name.split(" ")[0] for one in stretches] == ["one", "nothing", "two"]
    found = seen.summarise(pairs([0.1] * 40), 0.1, stretches).spans
    assert found is not None
    assert set(found["span"]) == {one.name for one in stretches}


def test_one_aligned_of_ten_is_a_tenth_to_the_bit() -> None:
    assert seen.summarise(pairs([0.0, *[0.3] * 9]), 0.1).aligned_ratios == {"LONG": 0.1}


def test_a_summary_counts_candles_not_sides() -> None:
    both = pd.concat([pairs([0.0, 0.3]), pairs([0.0, 0.3], side="SHORT")], ignore_index=True)
    found = seen.summarise(both, 0.1)
    assert (found.candles, found.misaligned_candles) == (2, 1)
    assert found.misaligned_ratio == 0.5
    assert found.aligned_ratios == {"LONG": 0.5, "SHORT": 0.5}
    side, worst = found.worst
    assert side == "LONG"
    assert worst["max_at"] == both["candle_open"][1]
    assert found.spans is None


def test_without_a_tolerance_the_largest_aligned_diff_is_drawn() -> None:
    frame = pairs([0.00004, 0.2], tolerance=0.00005)
    assert seen.shown_tolerance(None, frame) == 0.00004
    assert seen.shown_tolerance(None, frame.iloc[1:]) == 1e-6
    assert seen.shown_tolerance(0.1, frame) == 0.1


def test_inputs_stay_as_they_are() -> None:
    frame = pairs([0.0, 0.3])
    before = frame.copy(deep=True)
    seen.summarise(frame, 0.1)
    pd.testing.assert_frame_equal(frame, before)


def test_buckets_grow_with_the_span() -> None:
    times = pd.Series(pd.date_range("2025-01-01", periods=366, freq="D", tz="UTC"))
    assert seen.bucket_length(times) == timedelta(days=2)
    assert seen.bucket_length(times.head(2)) == timedelta(minutes=30)
