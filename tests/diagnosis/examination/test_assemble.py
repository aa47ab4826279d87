"""Findings in their order, what held-out candles take back, and what stays unexplained."""

from typing import Any

import numpy as np
import pytest

from core.arrays import Floats, Ints
from core.diagnosis.causes.catalogue import CAUSES, CODES
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.diagnosis.examination.assemble import (
    drop_refuted,
    findings_of,
    unexplained_ratio,
    waterfall,
)
from core.diagnosis.finding import VERDICT_ORDER, Finding, Verdict
from core.diagnosis.lab.world import Change
from core.diagnosis.search.examination import Examination
from core.diagnosis.search.soundness import check_soundness
from core.settings import BacktestSettings, Mode
from tests.diagnosis.small import (
    also,
    compare,
    linear_bundle,
    opens,
    search_of,
    trial_of,
    undo,
)

COUNT = 288
RIGHT = np.full(COUNT, 0.5)
OFF = RIGHT + 0.2
IS_SEARCH = np.arange(COUNT) // 12 % 2 == 0
SWAPPED = undo("sides_swapped", 1)
UNSCALED = also("scaler", 10, parameters=(("scaler", "none"),))


def _found(evidence: Evidence, *accepted: Change, **fields: Any) -> Examination:
    return Examination(
        evidence=evidence,
        soundness=check_soundness(evidence),
        search=search_of(evidence, *accepted),
        accepted=accepted,
        **{"differs": True} | fields,
    )


def _told(found: Examination) -> dict[str, Finding]:
    findings = findings_of(found, found.evidence)
    assert len({finding.cause for finding in findings}) == len(findings)
    return {finding.cause: finding for finding in findings}


def test_what_held_out_candles_refute_is_taken_back() -> None:
    lucky = np.where(IS_SEARCH, 0.5, 0.6)
    answers = {1: RIGHT + 0.1, 10: OFF, 11: lucky}
    found = _found(compare(RIGHT, OFF, answers), SWAPPED, UNSCALED)
    drop_refuted(found)
    assert found.accepted == (SWAPPED,)


def test_of_two_changes_that_stand_in_for_each_other_one_stays() -> None:
    # Beside the other each explains nothing; both at once must not go.
    found = _found(compare(RIGHT, OFF, {1: RIGHT, 10: RIGHT, 11: RIGHT}), SWAPPED, UNSCALED)
    drop_refuted(found)
    assert len(found.accepted) == 1


def test_the_change_that_does_most_harm_goes_first() -> None:
    # With both in place the first harms by 0.1 and the second by 0.3; alone the first helps.
    answers = {1: RIGHT + 0.1, 10: RIGHT + 0.3, 11: RIGHT + 0.4}
    found = _found(compare(RIGHT, OFF, answers), SWAPPED, UNSCALED)
    drop_refuted(found)
    assert found.accepted == (SWAPPED,)


def test_what_stands_on_prices_is_not_taken_back_by_signals() -> None:
    found = _found(compare(RIGHT, OFF, {1: OFF}), SWAPPED, label_changes=(SWAPPED,))
    drop_refuted(found)
    assert found.accepted == (SWAPPED,)


def test_findings_stand_from_proven_to_untestable() -> None:
    found = _found(compare(RIGHT, OFF, {1: RIGHT}), SWAPPED)
    findings = findings_of(found, found.evidence)
    assert (findings[0].cause, findings[0].verdict) == ("sides_swapped", Verdict.PROVEN)
    places = [VERDICT_ORDER.index(finding.verdict) for finding in findings]
    assert places == sorted(places)
    assert {finding.cause for finding in findings} <= set(CODES)


def test_of_two_partial_causes_the_one_that_explains_more_stands_first() -> None:
    answers = {1: RIGHT + 0.15, 10: RIGHT + 0.1, 11: RIGHT + 0.05}
    found = _found(compare(RIGHT, OFF, answers), SWAPPED, UNSCALED)
    first, second, *_ = findings_of(found, found.evidence)
    assert (first.cause, second.cause) == ("scaler", "sides_swapped")
    assert first.verdict is second.verdict is Verdict.PARTIAL
    assert first.explained_ratio == pytest.approx(2 / 3)
    assert second.explained_ratio == pytest.approx(0.5)


def test_what_the_inputs_cannot_decide_is_untestable_with_what_would() -> None:
    told = _told(_found(compare(RIGHT, OFF)))
    for code in ("lookback", "bundle", "scaler"):
        assert told[code].verdict is Verdict.UNTESTABLE
        assert told[code].summary[0].isupper()
        assert told[code].summary.endswith(".")
    needed = {cause.code for cause in CAUSES if cause.needs(compare(RIGHT, OFF)) is not None}
    assert {code for code, f in told.items() if f.verdict is Verdict.UNTESTABLE} >= needed - {
        "threshold"
    }


def test_a_cause_that_was_tried_without_any_help_is_refuted() -> None:
    finding = _told(_found(compare(RIGHT, OFF), tested={"sides_swapped"}))["sides_swapped"]
    assert finding.verdict is Verdict.REFUTED
    assert finding.explained_ratio == 0.0
    assert finding.scope_candles == COUNT
    assert "nothing that was tried makes the difference smaller" in finding.summary


def test_a_cause_that_had_nothing_to_try_is_not_refuted() -> None:
    finding = _told(_found(compare(RIGHT, OFF), untried={"sides_swapped"}))["sides_swapped"]
    assert finding.verdict is Verdict.UNTESTABLE
    assert finding.summary.startswith("Not tried: an exchange of LONG and SHORT;")


def _tried(left: float) -> dict[str, Finding]:
    """Findings where the best trial of sides_swapped left so much of 0.2, and nothing stood."""
    evidence = compare(RIGHT, OFF, {1: RIGHT + left})
    trial = trial_of(search_of(evidence), SWAPPED)
    return _told(_found(evidence, trials=[trial], tested={"sides_swapped"}))


def test_a_refuted_cause_tells_its_best_trial() -> None:
    finding = _tried(0.194)["sides_swapped"]
    assert finding.verdict is Verdict.REFUTED
    assert finding.explained_ratio == pytest.approx(0.03)
    assert finding.residual_mean_abs_diff == pytest.approx(0.194)
    assert finding.held_out_candles == COUNT // 2
    assert finding.summary.endswith(
        "exchanging LONG and SHORT, the best of what was tried, removes only 3 % of the "
        "difference on 144 held-out candles."
    )


def test_a_cause_that_another_one_replaced_is_not_refuted() -> None:
    assert "sides_swapped" not in _tried(0.1)


def test_a_cause_of_scoring_needs_no_trial_where_the_model_path_agrees() -> None:
    told = _told(_found(compare(RIGHT, OFF), model_path_agrees=True))
    assert told["sides_swapped"].summary == (
        "Not the cause: an exchange of LONG and SHORT; emitted signals equal the replay, so "
        "features are scored as configured."
    )
    assert "sides_swapped" not in _told(_found(compare(RIGHT, OFF)))


def _recomputable() -> Evidence:
    """A backtest whose features are always 0."""

    def recompute(
        pipeline: str, candles: CandleRows, ends: Ints, lookback_bars: int, mode: Mode
    ) -> FeatureRows:
        return FeatureRows(ends, ("a",), np.zeros((len(ends), 1)))

    backtest = BacktestSettings.model_validate(
        {"name": "b", "pipeline": "own:compute", "lookback_bars": 100}
    )
    return compare(
        OFF,
        RIGHT,
        kind=Kind.RECOMPUTED,
        backtest=backtest,
        source="files",
        candles={"files": CandleRows(opens(COUNT), np.ones((COUNT, 5)))},
        recompute=recompute,
        bundles=(linear_bundle("own", ("a",), [1.0], [1.0]),),
        live=np.zeros(COUNT, dtype="int64"),
        pipelines=("own:compute",),
    )


def test_a_cause_of_features_needs_no_trial_where_the_feature_path_agrees() -> None:
    told = _told(_found(_recomputable(), feature_path_agrees=True))
    assert told["lookback"].verdict is Verdict.REFUTED
    assert told["lookback"].summary == (
        "Not the cause: another lookback; replay and backtest agree, so the features are the same "
        "on both sides."
    )
    assert "precision" not in told  # it acts on scoring as well


def test_where_nothing_differs_nothing_is_refuted() -> None:
    found = _found(compare(RIGHT, RIGHT), differs=False, tested={"sides_swapped"})
    assert all(f.verdict is not Verdict.REFUTED for f in findings_of(found, found.evidence))
    assert "sides_swapped" not in _told(found)


def test_a_window_without_a_pair_tells_what_could_not_be_tested() -> None:
    nothing = np.full(COUNT, np.nan)
    found = _found(compare(RIGHT, nothing), differs=False)
    assert _told(found)["lookback"].verdict is Verdict.UNTESTABLE


@pytest.mark.parametrize(("left", "ratio"), [(0.0, 0.0), (0.05, 0.25), (0.3, 1.5)])
def test_what_stays_unexplained_is_a_share_of_the_held_out_difference(
    left: float, ratio: float
) -> None:
    mended: Floats = np.where(IS_SEARCH, 0.9, 0.5 + left)  # searched candles have no say
    found = _found(compare(RIGHT, OFF, {1: mended}), SWAPPED)
    assert unexplained_ratio(found, found.evidence) == pytest.approx(ratio)


def test_without_an_accepted_cause_everything_is_unexplained() -> None:
    found = _found(compare(RIGHT, OFF))
    assert unexplained_ratio(found, found.evidence) == 1.0


def test_nothing_is_unexplained_where_nothing_differs_and_unknown_without_a_pair() -> None:
    equal = _found(compare(RIGHT, RIGHT), differs=False)
    assert unexplained_ratio(equal, equal.evidence) == 0.0
    none = _found(compare(RIGHT, np.full(COUNT, np.nan)), differs=False)
    assert unexplained_ratio(none, none.evidence) is None


def test_a_difference_on_searched_candles_alone_leaves_no_held_out_one() -> None:
    only_search = np.where(IS_SEARCH, 0.7, 0.5)
    found = _found(compare(RIGHT, only_search))
    assert unexplained_ratio(found, found.evidence) == 0.0


def test_a_re_run_that_gives_nothing_leaves_the_rest_unknown() -> None:
    found = _found(compare(RIGHT, OFF, {1: np.full(COUNT, np.nan)}), SWAPPED)
    assert unexplained_ratio(found, found.evidence) is None


def test_the_waterfall_falls_cause_by_cause() -> None:
    answers = {1: RIGHT + 0.15, 10: RIGHT + 0.1, 11: RIGHT + 0.05}
    found = _found(compare(RIGHT, OFF, answers), SWAPPED, UNSCALED)
    steps = waterfall(found)
    assert [step["cause"] for step in steps] == [None, "sides_swapped", "scaler"]
    assert [step["mean_abs_diff"] for step in steps] == pytest.approx([0.2, 0.15, 0.05])


def test_a_level_that_cannot_be_computed_is_none() -> None:
    found = _found(compare(RIGHT, OFF, {1: np.full(COUNT, np.nan)}), SWAPPED)
    assert [step["mean_abs_diff"] for step in waterfall(found)] == [pytest.approx(0.2), None]
