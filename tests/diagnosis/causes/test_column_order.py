from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.causes.column_order import CAUSE
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.finding import Finding, Verdict
from tests.diagnosis.causes.ten_features import NAMES, make_matrix, make_ten, score_ten
from tests.diagnosis.small_world import (
    OPENS,
    beside,
    evidence_of,
    needed,
    proven,
    replay_of,
    search_of,
)

MATRIX = make_matrix()
TEN = make_ten(MATRIX)


def _handed(order: list[int]) -> dict[str, Finding]:
    """What is proven where the model got the features at these places."""
    return proven(replay_of(score_ten(MATRIX[:, order], TEN), MATRIX, TEN, NAMES))


@pytest.mark.parametrize(
    ("order", "told", "words"),
    [
        (
            sorted(range(10), key=lambda place: NAMES[place]),
            "alphabetical",
            "in alphabetical order",
        ),
        (list(range(9, -1, -1)), "reversed", "in reverse order"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 0], "rotated:1", "rotated by 1 places"),
        ([7, 8, 9, 0, 1, 2, 3, 4, 5, 6], "rotated:-3", "rotated by -3 places"),
        ([3, 4, 5, 6, 7, 8, 9, 0, 1, 2], "rotated:3", "rotated by 3 places"),
        ([0, 1, 2, 4, 3, 5, 6, 7, 8, 9], "exchanged:3,4", "with inputs 4 and 5 exchanged"),
    ],
)
def test_the_order_that_reached_the_model_is_named(order: list[int], told: str, words: str) -> None:
    finding = _handed(order)["column_order"]
    assert finding.parameters == {"order": told}
    assert f"production's model {words}" in finding.summary
    assert "Select the columns by the bundle's feature list" in finding.summary


def test_inputs_are_rotated_by_three_places_at_most() -> None:
    assert "column_order" not in _handed([4, 5, 6, 7, 8, 9, 0, 1, 2, 3])


def test_the_order_of_the_logs_columns_is_tried() -> None:
    shuffled = np.random.default_rng(3).permutation(10)
    names = tuple(NAMES[place] for place in shuffled)
    evidence = replay_of(score_ten(MATRIX[:, shuffled], TEN), MATRIX, TEN, NAMES)
    logged = FeatureRows(OPENS, names, MATRIX[:, shuffled])
    finding = proven(replace(evidence, logged=logged))["column_order"]
    assert finding.parameters == {"order": "log"}


def test_other_code_changes_no_order() -> None:
    assert beside("pipeline")["column_order"].verdict is Verdict.REFUTED


def test_models_of_unlike_width_are_not_searched_for_exchanged_neighbours() -> None:
    """The place of an input means another feature in each of them."""
    few = make_ten(MATRIX)
    narrow = replace(few, sides={s: replace(m, features=NAMES[:9]) for s, m in few.sides.items()})
    evidence = replay_of(score_ten(MATRIX, TEN), MATRIX, TEN, NAMES)
    search = search_of(replace(evidence, bundles=(TEN, narrow)))
    tried = [str(entry.values["order"]) for entry in CAUSE.propose(search)]
    assert not any(order.startswith("exchanged") for order in tried)
    on_model_path = replace(search, is_model_path=True)
    assert any("exchanged" in str(e.values["order"]) for e in CAUSE.propose(on_model_path))


def test_an_order_needs_a_bundle() -> None:
    assert "list the models" in str(needed("column_order", evidence_of(bundles=())))
