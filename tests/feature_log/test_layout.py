"""What columns held before tells whether a line can be theirs."""

import numpy as np
import pytest

from core.feature_log.layout import ENOUGH_ROWS, Profile

NAN = float("nan")
# A number that follows the price, a word, a number that does not.
ROWS = np.array([[101.0, NAN, 0.5], [99.0, NAN, 30.0]])
CLOSES = 0
WORDS = np.array([False, True, False])


def known(rows: int) -> Profile:
    found = Profile.empty(3)
    for _ in range(rows // 2):
        found = found.merge(Profile.of(np.array(ROWS), WORDS, CLOSES, found))
    return found


def test_flags_only_ever_become_true() -> None:
    found = known(ENOUGH_ROWS + 10)
    assert found.rows == ENOUGH_ROWS
    assert found.number.tolist() == [True, False, True]
    assert found.text.tolist() == [False, True, False]
    assert found.far.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("values", "texts", "position", "why"),
    [
        ([100.0, NAN, 5.0], {1: "bull"}, None, ""),
        ([NAN, NAN, 5.0], {0: "bull", 1: "bear"}, 0, "holds numbers, here 'bull'"),
        ([100.0, 7.5, 5.0], {}, 1, "holds text, here 7.5"),
        ([100.0, 1.0, 5.0], {1: "True"}, None, ""),  # a truth value has a text of its own
        ([250.0, NAN, 5.0], {1: "bull"}, 0, "follows the price 100.0, here 250.0"),
        ([40.0, NAN, 5.0], {1: "bull"}, 0, "follows the price 100.0, here 40.0"),
    ],
)
def test_the_first_column_that_cannot_hold_a_cell_is_named(
    values: list[float], texts: dict[int, str], position: int | None, why: str
) -> None:
    found = known(ENOUGH_ROWS).mismatch(values, texts, 100.0)
    assert found == (None if position is None else (position, why))


def test_few_rows_or_no_price_say_nothing_of_the_price() -> None:
    off = [250.0, NAN, 5.0]
    assert known(ENOUGH_ROWS - 2).mismatch(off, {1: "bull"}, 100.0) is None
    assert known(ENOUGH_ROWS).mismatch(off, {1: "bull"}, NAN) is None


def test_a_profile_reads_back_as_it_was_stored() -> None:
    found = known(6)
    assert Profile.from_document(found.document(), 3).document() == found.document()
    assert Profile.from_document(None, 3).document() == Profile.empty(3).document()
