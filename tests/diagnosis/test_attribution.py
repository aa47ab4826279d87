"""Which features carry a difference: models whose log-odds are sums, so shares are plain."""

from typing import Any

import numpy as np
import pytest

from core.arrays import Floats
from core.diagnosis.attribution import attribute
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.rows import FeatureRows
from tests.diagnosis.small import compare, linear_bundle, opens

COUNT = 60
SMALL = 0.01  # log-odds so near 0 that probabilities add up as well


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"f{number:02d}" for number in range(count))


def _evidence(features: int, weights: Floats | None = None, **fields: Any) -> Evidence:
    """Logged features that are all 0, one bundle with a LONG model alone."""
    names = _names(features)
    chosen = np.full(features, SMALL) if weights is None else weights
    common: dict[str, Any] = {
        "kind": Kind.RECOMPUTED,
        "logged": FeatureRows(opens(COUNT), names, np.zeros((COUNT, features))),
        "bundles": (linear_bundle("own", names, chosen),),
        "live": np.zeros(COUNT, dtype="int64"),
    }
    unknown = np.full(COUNT, np.nan)
    return compare(unknown, unknown, **common | fields)


def _backtest(gaps: Floats) -> FeatureRows:
    return FeatureRows(opens(len(gaps)), _names(gaps.shape[1]), gaps)


def _long(evidence: Evidence, gaps: Floats) -> dict[str, Any]:
    told = attribute(evidence, _backtest(gaps))
    assert told is not None
    (side,) = told
    assert side["side"] == "LONG"
    return side


def test_the_one_feature_that_differs_carries_everything() -> None:
    gaps = np.zeros((COUNT, 3))
    gaps[:, 1] = 1.0
    told = _long(_evidence(3), gaps)
    (feature,) = told["features"]
    assert feature["feature"] == "f01"
    assert feature["removed_ratio"] == pytest.approx(1.0)
    assert feature["shap"] == pytest.approx(SMALL)
    assert told["smallest_set"] == ["f01"]
    assert told["smallest_set_removed_ratio"] == pytest.approx(1.0)
    assert told["shap_top"][0] == "f01"
    assert told["groups"] == []


def test_features_are_ranked_by_what_they_remove() -> None:
    gaps = np.ones((COUNT, 3)) * [1.0, 3.0, 2.0]
    told = _long(_evidence(3), gaps)
    assert [entry["feature"] for entry in told["features"]] == ["f01", "f02", "f00"]
    shares = [entry["removed_ratio"] for entry in told["features"]]
    assert shares == pytest.approx([3 / 6, 2 / 6, 1 / 6], abs=1e-3)
    assert told["smallest_set"] == ["f01", "f02", "f00"]


def test_a_feature_that_works_against_the_difference_removes_less_than_nothing() -> None:
    gaps = np.ones((COUNT, 2)) * [3.0, -1.0]
    told = _long(_evidence(2), gaps)
    assert told["features"][-1]["removed_ratio"] == pytest.approx(-0.5, abs=1e-3)


def test_the_forty_candles_that_differ_most_are_looked_at() -> None:
    sizes = np.arange(1.0, COUNT + 1)
    told = _long(_evidence(1), sizes[:, None])
    assert told["candles"] == 40
    # |σ(x) − ½| of log-odds near 0 is a quarter of them; the forty largest are 21 … 60.
    assert told["mean_abs_diff"] == pytest.approx(sizes[20:].mean() * SMALL / 4, rel=0.02)
    assert _long(_evidence(1), sizes[:39, None])["candles"] == 39


def test_fifteen_features_are_told_and_the_set_is_searched_among_all() -> None:
    told = _long(_evidence(18), np.ones((COUNT, 18)))
    assert len(told["features"]) == 15
    assert len(told["smallest_set"]) == 18  # of 18 equals 17 remove 94.4 %


def test_the_smallest_set_ends_where_95_percent_are_removed() -> None:
    told = _long(_evidence(3), np.ones((COUNT, 3)) * [90.0, 6.0, 4.0])
    assert told["smallest_set"] == ["f00", "f01"]
    assert told["smallest_set_removed_ratio"] == pytest.approx(0.96, abs=5e-3)


def test_no_set_holds_more_than_25_features() -> None:
    told = _long(_evidence(30), np.ones((COUNT, 30)))
    assert len(told["smallest_set"]) == 25
    assert told["smallest_set_removed_ratio"] == pytest.approx(25 / 30, abs=0.01)


def _pair(correlation: float) -> Floats:
    """Two features whose differences have this correlation over forty candles, and no mean."""
    one, other = np.random.default_rng(1).normal(size=(2, 40))
    one, other = one - one.mean(), other - other.mean()
    other -= one * (other @ one) / (one @ one)
    one, other = one / one.std(), other / other.std()
    return np.column_stack([one, correlation * one + np.sqrt(1 - correlation**2) * other])


@pytest.mark.parametrize(("correlation", "groups"), [(0.89, 0), (0.91, 1), (-0.91, 1)])
def test_features_form_a_group_from_a_correlation_of_nine_tenths(
    correlation: float, groups: int
) -> None:
    told = _long(_evidence(2), _pair(correlation))
    assert [group["features"] for group in told["groups"]] == [["f00", "f01"]] * groups


def test_a_group_is_linked_through_its_members_and_removes_what_they_carry() -> None:
    one = np.linspace(-1, 1, 40)
    gaps = np.column_stack([one, 2 * one, 3 * one, np.full(40, 0.5)])
    told = _long(_evidence(4, np.array([SMALL, SMALL, SMALL, 0.0])), gaps)
    (group,) = told["groups"]
    assert group["features"] == ["f00", "f01", "f02"]
    assert group["removed_ratio"] == pytest.approx(1.0)


def test_fifteen_groups_are_told_those_that_carry_most_first() -> None:
    steps = np.random.default_rng(1).normal(size=(40, 16))
    sizes = np.arange(1.0, 17.0)
    gaps = np.repeat(steps * sizes, 2, axis=1)  # pairs that move together
    groups = _long(_evidence(32), gaps)["groups"]
    assert len(groups) == 15
    shares = [group["removed_ratio"] for group in groups]
    assert shares == sorted(shares, reverse=True)
    assert all(len(group["features"]) == 2 for group in groups)


def test_rows_that_hold_an_infinity_are_left_out() -> None:
    gaps = np.ones((COUNT, 2))
    gaps[:25, 0] = np.inf
    assert _long(_evidence(2), gaps)["candles"] == COUNT - 25


def test_candles_that_either_side_lacks_are_left_out() -> None:
    evidence = _evidence(1)
    later = FeatureRows(opens(COUNT, first=50), ("f00",), np.ones((COUNT, 1)))
    told = attribute(evidence, later)
    assert told is not None and told[0]["candles"] == 10


def test_sides_are_told_apart_and_equal_ones_not_at_all() -> None:
    names = _names(2)
    bundle = linear_bundle("own", names, [SMALL, 0.0], [0.0, SMALL])
    gaps = np.zeros((COUNT, 2))
    gaps[:, 1] = 1.0
    told = attribute(_evidence(2, bundles=(bundle,)), _backtest(gaps))
    assert told is not None
    assert [(side["side"], side["smallest_set"]) for side in told] == [("SHORT", ["f01"])]
    gaps[:, 0] = 1.0
    both = attribute(_evidence(2, bundles=(bundle,)), _backtest(gaps))
    assert both is not None
    assert [side["side"] for side in both] == ["LONG", "SHORT"]


def test_the_bundle_that_scored_most_of_the_window_is_asked() -> None:
    names = _names(2)
    one = linear_bundle("one", names, [SMALL, 0.0])
    two = linear_bundle("two", names, [0.0, SMALL])
    gaps = np.ones((COUNT, 2))
    live = np.where(np.arange(COUNT) < 20, 0, 1)
    evidence = _evidence(2, bundles=(one, two), live=live)
    assert _long(evidence, gaps)["smallest_set"] == ["f01"]
    fixed = _evidence(2, bundles=(one, two), live=live, backtest_bundle=0)
    assert _long(fixed, gaps)["smallest_set"] == ["f00"]


def test_there_is_nothing_to_attribute_without_features_on_both_sides() -> None:
    gaps = np.ones((COUNT, 1))
    assert attribute(_evidence(1, kind=Kind.REPLAY), _backtest(gaps)) is None
    assert attribute(_evidence(1, logged=None), _backtest(gaps)) is None
    assert attribute(_evidence(1), None) is None
    assert attribute(_evidence(1), _backtest(np.zeros((COUNT, 1)))) is None  # equal
    assert attribute(_evidence(2), _backtest(gaps)) is None  # a column is missing
    assert attribute(_evidence(1, live=None), _backtest(gaps)) is None
    unknown = np.full(COUNT, -1, dtype="int64")
    assert attribute(_evidence(1, live=unknown), _backtest(gaps)) is None
    elsewhere = FeatureRows(opens(COUNT, first=900), ("f00",), gaps)
    assert attribute(_evidence(1), elsewhere) is None
