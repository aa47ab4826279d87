"""The figures that a diagnosis opens with are those of the pairs, by the same formulas."""

from dataclasses import replace

import numpy as np

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.report import initial_figures
from tests.diagnosis.cases import make_evidence


def _evidence(production: list[float], other: list[float], **changed: object) -> Evidence:
    evidence = make_evidence(days=1)
    count = len(production)
    unknown = np.full((count, 2), np.nan)
    mine, theirs = unknown.copy(), unknown.copy()
    mine[:, 0], theirs[:, 0] = production, other
    return replace(
        evidence,
        opens=evidence.opens[:count],
        production=mine,
        production_step=unknown,
        other=theirs,
        other_step=unknown,
        **changed,  # type: ignore[arg-type]
    )


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
