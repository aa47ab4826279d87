"""Which bundle gave the emitted signals, told candle by candle."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.arrays import Floats
from core.bundle.load import Bundle
from core.diagnosis.causes.labels import Shifted
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.examination.identity import identify_bundles
from core.diagnosis.lab.world import change
from tests.diagnosis.small import (
    compare,
    linear_bundle,
    logistic,
    opens,
)

COUNT = 100
ROWS = np.random.default_rng(1).normal(size=(COUNT, 2))
OLD = linear_bundle("old", ("a", "b"), [1.0, 0.0], [-1.0, 0.0])
NEW = linear_bundle("new", ("a", "b"), [0.0, 1.0], [0.0, -1.0])


def _signals(bundle: Bundle) -> Floats:
    return np.column_stack([model.score(ROWS) for model in bundle.sides.values()])


def _evidence(emitted: Floats, *bundles: Bundle, **fields: Any) -> Evidence:
    common: dict[str, Any] = {
        "kind": Kind.REPLAY,
        "logged": FeatureRows(opens(COUNT), ("a", "b"), ROWS),
        "bundles": bundles or (OLD, NEW),
    }
    return compare(emitted, emitted, **common | fields)


def _identity(evidence: Evidence) -> dict[str, Any]:
    found = identify_bundles(evidence, ())
    assert found is not None
    return found


def _time(place: int) -> str:
    return f"2026-03-02T{place // 12:02d}:{place % 12 * 5:02d}:00Z"


def test_a_linear_model_gives_the_logistic_of_its_input() -> None:
    assert _signals(OLD)[:, 0] == pytest.approx(logistic(ROWS[:, 0]), abs=1e-6)


def test_the_bundle_that_gives_every_signal_is_named_from_first_to_last() -> None:
    found = _identity(_evidence(_signals(NEW)))
    assert found["emitted_candles"] == COUNT
    assert found["spans"] == [{"from": _time(0), "last": _time(99), "bundles": ["new"]}]
    assert [entry["matching_candles"] for entry in found["bundles"]] == [0, COUNT]
    assert [entry["matching_ratio"] for entry in found["bundles"]] == [0.0, 1.0]
    assert found["summary"] == (
        f"The emitted signals are those of new from {_time(0)} to {_time(99)}."
    )


def test_a_switch_is_told_with_its_candle() -> None:
    emitted = np.where(np.arange(COUNT)[:, None] < 40, _signals(OLD), _signals(NEW))
    found = _identity(_evidence(emitted))
    assert found["spans"] == [
        {"from": _time(0), "last": _time(39), "bundles": ["old"]},
        {"from": _time(40), "last": _time(99), "bundles": ["new"]},
    ]
    assert "old from" in found["summary"] and "; new from" in found["summary"]


@pytest.mark.parametrize(("candles", "spans"), [(2, 1), (3, 3)])
def test_less_than_three_candles_are_too_few_to_tell(candles: int, spans: int) -> None:
    emitted = _signals(OLD)
    emitted[50 : 50 + candles] = _signals(NEW)[50 : 50 + candles]
    assert len(_identity(_evidence(emitted))["spans"]) == spans


def test_two_candles_alone_are_told_all_the_same() -> None:
    emitted = np.full((COUNT, 2), np.nan)
    emitted[50:52] = _signals(OLD)[50:52]
    found = _identity(_evidence(emitted))
    assert found["emitted_candles"] == 2
    assert found["spans"] == [{"from": _time(50), "last": _time(51), "bundles": ["old"]}]


def test_twins_are_named_together() -> None:
    twin = linear_bundle("twin", ("a", "b"), [1.0, 0.0], [-1.0, 0.0])
    found = _identity(_evidence(_signals(OLD), OLD, twin))
    assert found["spans"][0]["bundles"] == ["old", "twin"]
    assert "those of old or twin from" in found["summary"]


@pytest.mark.parametrize(("matching", "is_known"), [(94, False), (95, True)])
def test_one_side_alone_is_known_where_95_of_100_candles_are_a_bundles(
    matching: int, is_known: bool
) -> None:
    emitted = np.full((COUNT, 2), 0.123)
    emitted[:matching, 0] = _signals(OLD)[:matching, 0]
    found = _identity(_evidence(emitted))
    none = (
        "No known bundle, scored as configured, gives the emitted signals from the logged features"
    )
    assert found["bundles"][0]["matching_candles_by_side"] == {"LONG": matching, "SHORT": 0}
    assert found["summary"] == (
        f"{none}, but one side alone is known: LONG of old." if is_known else f"{none}."
    )


def test_signals_of_an_unknown_model_are_nobodys() -> None:
    found = _identity(_evidence(np.full((COUNT, 2), 0.123)))
    assert found["spans"] == [{"from": _time(0), "last": _time(99), "bundles": []}]
    assert found["summary"].startswith("No known bundle, scored as configured, gives")


def test_signals_of_candles_without_features_are_nobodys_to_tell() -> None:
    evidence = _evidence(_signals(OLD))
    assert evidence.logged is not None
    later = replace(evidence.logged, opens=evidence.logged.opens + 10**12)
    assert _identity(replace(evidence, logged=later))["summary"].startswith(
        "No candle with an emitted signal has logged features"
    )


def test_a_side_that_a_bundle_lacks_is_not_held_against_it() -> None:
    long_only = linear_bundle("long", ("a", "b"), [1.0, 0.0])
    found = _identity(_evidence(_signals(OLD), long_only))
    assert found["bundles"][0]["sides"] == ["LONG"]
    assert found["bundles"][0]["matching_candles"] == COUNT


def test_printed_digits_widen_what_counts_as_equal() -> None:
    emitted = np.round(_signals(OLD), 2)
    steps = np.full((COUNT, 2), 0.01)
    assert _identity(_evidence(emitted))["bundles"][0]["matching_candles"] < 5
    rounded = _identity(_evidence(emitted, production_step=steps))
    assert rounded["bundles"][0]["matching_candles"] == COUNT


def test_without_an_emitted_signal_nothing_can_be_known() -> None:
    found = _identity(_evidence(np.full((COUNT, 2), np.nan)))
    assert found["emitted_candles"] == 0
    assert found["spans"] == []
    assert found["bundles"][0]["matching_ratio"] is None
    assert found["summary"] == (
        "No signal was emitted into these logs, so which bundle was live cannot be known; "
        "let the bot log its signals."
    )


def test_without_features_or_bundles_there_is_no_identity() -> None:
    signals = _signals(OLD)
    assert identify_bundles(_evidence(signals, logged=None), ()) is None
    assert identify_bundles(_evidence(signals, bundles=()), ()) is None
    nothing = compare(np.empty((0, 2)), np.empty((0, 2)), bundles=(OLD,))
    assert identify_bundles(nothing, ()) is None


def test_a_bundle_is_excluded_where_its_inputs_are_not_logged() -> None:
    wide = linear_bundle("wide", ("a", "b", "c"), [1.0, 0.0, 1.0])
    absent = np.zeros((COUNT, 3), dtype=bool)
    absent[:30, 2] = True
    rows = np.column_stack([ROWS, np.where(absent[:, 2], np.nan, 1.0)])
    logged = FeatureRows(opens(COUNT), ("a", "b", "c"), rows, absent)
    found = _identity(_evidence(_signals(OLD), OLD, wide, logged=logged))
    assert found["bundles"][0]["excluded"] is None
    assert found["bundles"][1]["excluded"] == {
        "candles": 30,
        "before": _time(30),
        "features": ["c"],
        "feature_count": 1,
    }
    assert found["summary"].endswith(
        f"wide is excluded before {_time(30)}: 1 of its inputs is not logged there (c)."
    )


@pytest.mark.parametrize(("lacking", "shown"), [(20, 20), (25, 20)])
def test_twenty_features_that_are_never_logged_are_named_and_all_are_counted(
    lacking: int, shown: int
) -> None:
    names = tuple(f"f{number:02d}" for number in range(lacking))
    wide = linear_bundle("wide", names, np.zeros(lacking))
    found = _identity(_evidence(_signals(OLD), OLD, wide))
    excluded = found["bundles"][1]["excluded"]
    assert excluded["features"] == list(names[:shown])
    assert (excluded["feature_count"], excluded["candles"], excluded["before"]) == (
        lacking, COUNT, None,
    )  # fmt: skip
    assert f"in this whole window: {lacking} of its inputs are not logged there" in found["summary"]


def test_labels_that_prices_corrected_are_followed() -> None:
    # The signals stand one bar early; corrected by one bar they are the bundle's.
    signals = _signals(OLD)
    early = np.vstack([signals[1:], [[np.nan, np.nan]]])
    evidence = _evidence(early)
    assert _identity(evidence)["bundles"][0]["matching_candles"] == 0
    found = identify_bundles(evidence, (change("candle_offset", Shifted(1)),))
    assert found is not None
    assert found["bundles"][0]["matching_candles"] == COUNT - 1
