"""The figures that a diagnosis opens with are those of the pairs, by the same formulas."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.finding import Verdict
from core.diagnosis.report import diagnose_evidence, initial_figures
from tests.diagnosis.small import compare, linear_bundle, opens


def _evidence(production: list[float], other: list[float], **changed: Any) -> Evidence:
    """LONG alone."""
    unknown = np.full(len(production), np.nan)
    mine, theirs = np.column_stack([production, unknown]), np.column_stack([other, unknown])
    return compare(mine, theirs, **changed)


def test_a_difference_of_exactly_the_tolerance_is_within_it() -> None:
    """0.8 - 0.7 is a little more than 0.1 as floats; the pairs call it aligned."""
    figures = initial_figures(_evidence([0.8, 0.9], [0.7, 0.7], tolerance=0.1))
    assert figures == {
        "candles": 2,
        "mean_abs_diff": float(np.mean([0.8 - 0.7, 0.9 - 0.7])),
        "share_above_tolerance": 0.5,
    }


def test_without_a_tolerance_half_a_printed_digit_of_production_is() -> None:
    step = np.full((3, 2), 0.01)
    evidence = _evidence([0.5, 0.5, 0.5], [0.505, 0.506, 0.5], tolerance=None)
    printed = replace(evidence, production_step=step)
    assert initial_figures(printed)["share_above_tolerance"] == 1 / 3
    assert initial_figures(evidence)["share_above_tolerance"] == 2 / 3


def test_nothing_to_compare_has_no_figures() -> None:
    figures = initial_figures(_evidence([0.5], [np.nan]))
    assert figures == {"candles": 0, "mean_abs_diff": None, "share_above_tolerance": None}


NAMES = tuple(f"f{number:02d}" for number in range(12))


def _shifted_features() -> Evidence:
    """An import whose twelve features are each a little off, for a reason that nobody knows."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(288, 12))
    off = rows + rng.normal(1.0, 0.1, size=(288, 12))
    own = linear_bundle("own", NAMES, np.full(12, 0.02), np.full(12, -0.02))
    mine, theirs = (
        np.column_stack([model.score(values) for model in own.sides.values()])
        for values in (rows, off)
    )
    return compare(
        mine,
        theirs,
        logged=FeatureRows(opens(288), NAMES, rows),
        imported=FeatureRows(opens(288), NAMES, off),
        replay=mine,
        bundles=(own,),
        live=np.zeros(288, dtype="int64"),
    )


def test_a_difference_without_a_cause_names_eight_features_that_carry_it() -> None:
    made = diagnose_evidence(_shifted_features())
    assert all(finding.verdict is not Verdict.PROVEN for finding in made.findings)
    assert made.summary.startswith("No cause found: ")
    _, _, carried = made.summary.partition(" It is carried by ")
    assert len(carried.split(", ")) == 8
    (long, short) = made.details["attribution"]
    assert len(long["smallest_set"]) == len(short["smallest_set"]) == 12


def test_a_diagnosis_as_json_has_the_window_and_every_detail() -> None:
    evidence = compare(np.full(288, 0.5), np.full(288, 0.5))
    made = diagnose_evidence(evidence, made_at=datetime(2026, 3, 3, 0, 1, tzinfo=UTC))
    document = made.document()
    assert list(document)[:4] == ["bot", "comparison", "from", "until"]
    assert document["from"] == "2026-03-02T00:00:00Z"
    assert document["until"] == "2026-03-03T00:00:00Z"
    assert document["made_at"] == "2026-03-03T00:01:00Z"
    assert document["unexplained_ratio"] == 0.0
    assert document["summary"].startswith("Signals agree;")
    assert {"split", "waterfall", "attribution", "identity", "drift"} <= set(document)
    assert document["attribution"] is None
    assert json.loads(json.dumps(document)) == document


def test_the_window_that_was_asked_for_is_told_as_asked() -> None:
    first, until = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
    evidence = compare(np.full(24, 0.5), np.full(24, 0.5), from_=first, until=until)
    made = diagnose_evidence(evidence)
    assert (made.from_, made.until) == (first, until)
    assert made.document()["made_at"] is None


def test_a_window_without_a_candle_has_an_answer() -> None:
    made = diagnose_evidence(compare(np.empty((0, 2)), np.empty((0, 2))))
    assert (made.from_, made.until) == (None, None)
    assert made.document()["from"] is None
    assert made.unexplained_ratio is None
    assert made.summary.startswith("There is nothing to compare")


def test_every_trial_is_kept_with_what_it_left() -> None:
    right = np.full(288, 0.5)
    swapped = np.column_stack([right + 0.2, right - 0.2])
    made = diagnose_evidence(compare(swapped[:, ::-1], swapped))
    (first, *_) = made.findings
    assert (first.cause, first.verdict) == ("sides_swapped", Verdict.PROVEN)
    trial = next(entry for entry in made.trials if entry["cause"] == "sides_swapped")
    assert trial["round"] == 1
    assert trial["sides"] == ["LONG", "SHORT"]
    assert trial["searched_mean_abs_diff_before"] == pytest.approx(0.4)
    assert trial["searched_mean_abs_diff_after"] == 0.0
    assert trial["repaired_ratio"] == 1.0
    levels = [step["mean_abs_diff"] for step in made.details["waterfall"]]
    assert levels == pytest.approx([0.4, 0.0])
    assert made.summary == "Proven: sides_swapped."
