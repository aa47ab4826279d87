import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alignment.metrics import METRICS, matched_ratio, pair_metrics, share_above

SIZES = st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=50)


def pairs(
    diffs: list[float], *, first: str = "2025-11-03 23:50", side: str = "LONG"
) -> pd.DataFrame:
    size = np.abs(diffs)
    return pd.DataFrame(
        {
            "candle_open": pd.date_range(first, periods=len(diffs), freq="5min", tz="UTC"),
            "side": side,
            "diff": diffs,
            "abs_diff": size,
            "is_aligned": size <= 0.1,
            "flip": size > 0.3,
            "decision_flip": pd.array([None] * len(diffs), dtype="boolean"),
        }
    )


def test_one_of_ten_beyond_the_tolerance_is_a_tenth_to_the_bit() -> None:
    rows = pairs([0.2, *[0.0] * 9])
    assert pair_metrics(rows).loc["LONG", "share_above_tolerance"] == 0.1
    assert share_above(1, 10) == 0.1
    assert share_above(0, 0) is None


def test_every_metric_of_a_hand_computed_window() -> None:
    row = pair_metrics(pairs([0.2, -0.1, 0.0, -0.4])).loc["LONG"]
    assert row["pairs"] == 4
    assert row["mean_diff"] == pytest.approx(-0.075)
    assert row["mean_abs_diff"] == pytest.approx(0.175)
    assert row["median_abs_diff"] == pytest.approx(0.15)
    assert row["p95_abs_diff"] == pytest.approx(0.2 + 0.85 * 0.2)
    assert row["p99_abs_diff"] == pytest.approx(0.2 + 0.97 * 0.2)
    assert row["max_abs_diff"] == 0.4
    assert row["max_at"] == pd.Timestamp("2025-11-04 00:05", tz="UTC")
    assert row["share_above_tolerance"] == 0.5
    assert row["flips"] == 1
    assert pd.isna(row["decision_flips"])


def test_the_earliest_of_equal_maxima_is_named() -> None:
    row = pair_metrics(pairs([0.1, -0.2, 0.2])).loc["LONG"]
    assert row["max_at"] == pd.Timestamp("2025-11-03 23:55", tz="UTC")


def test_days_and_sides_are_kept_apart() -> None:
    both = pd.concat([pairs([0.1, 0.2, 0.3, 0.4]), pairs([0.0], side="SHORT")])
    days = pair_metrics(both.assign(day=both["candle_open"].dt.floor("D")), ("day", "side"))
    assert days.index.names == ["day", "side"]
    assert days["pairs"].tolist() == [2, 1, 2]
    assert days["mean_abs_diff"].tolist() == pytest.approx([0.15, 0.0, 0.35])


def test_no_pairs_give_no_row() -> None:
    nothing = pair_metrics(pairs([]))
    assert len(nothing) == 0
    assert list(nothing.columns) == list(METRICS)


def test_known_decisions_are_counted() -> None:
    frame = pairs([0.0, 0.0, 0.0]).assign(
        decision_flip=pd.array([True, None, False], dtype="boolean")
    )
    assert pair_metrics(frame).loc["LONG", "decision_flips"] == 1


@given(SIZES)
def test_the_quantiles_are_in_order(sizes: list[float]) -> None:
    row = pair_metrics(pairs(sizes)).loc["LONG"]
    names = ["median_abs_diff", "p95_abs_diff", "p99_abs_diff", "max_abs_diff"]
    values = [row[name] for name in names]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(values))
    assert row["mean_abs_diff"] <= row["max_abs_diff"] + 1e-12


def test_matched_ratio_counts_candles_of_either_side() -> None:
    assert matched_ratio(pairs=3, production=4, backtest=5) == 0.5
    assert matched_ratio(pairs=0, production=4, backtest=5) == 0.0
    assert matched_ratio(pairs=0, production=0, backtest=0) is None
