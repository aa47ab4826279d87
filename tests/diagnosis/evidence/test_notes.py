"""What is no cause and must be said plainly."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Evidence, Kind, LogAccount
from core.diagnosis.evidence.notes import notes_of
from core.diagnosis.evidence.rows import FeatureRows
from tests.diagnosis.small import both, compare, linear_bundle, opens

RIGHT = np.full(300, 0.5)


def _notes(**fields: Any) -> tuple[str, ...]:
    return notes_of(compare(RIGHT, RIGHT, **fields))


def test_a_plain_comparison_needs_no_note() -> None:
    assert _notes() == ()


def test_problems_of_loading_are_told_first() -> None:
    notes = _notes(problems=("one", "two"), account=LogAccount(duplicates=3))
    assert notes[:2] == ("one", "two")
    assert notes[2] == "3 lines of the signal logs repeat an earlier one."


def test_two_bots_at_once_are_told_with_the_candles() -> None:
    (one,) = _notes(account=LogAccount(double_writers=1))
    assert one.startswith("Two instances of the bot wrote at once: 1 candle got more than one line")
    (many,) = _notes(account=LogAccount(double_writers=12))
    assert ": 12 candles got more than one line." in many


def test_lines_that_contradict_or_repeat_are_counted() -> None:
    conflicts, duplicates = _notes(account=LogAccount(conflicts=4, duplicates=1))
    assert conflicts.startswith("4 lines of the signal logs contradict an earlier line")
    assert duplicates == "1 line of the signal logs repeats an earlier one."


def test_a_slow_search_says_how_many_candles_it_re_runs() -> None:
    (note,) = _notes(max_candles=144)
    assert "re-runs about 72 of 300 candles" in note
    assert _notes(max_candles=300) == ()


def test_a_coarse_log_is_told_with_what_counts_as_equal() -> None:
    coarse = np.full((300, 2), 0.01)
    (note,) = _notes(production_step=coarse)
    assert note == "The log prints steps of 0.01: differences up to 0.005 count as equal."
    (tight,) = _notes(production_step=coarse, tolerance=0.001)
    assert "a tolerance of 0.001 would call them differences" in tight
    assert _notes(production_step=coarse, kind=Kind.REPLAY) == ()
    assert _notes(production_step=np.full((300, 2), 1e-7)) == ()
    assert _notes(production_step=coarse, tolerance=None) == ()


def test_models_that_are_equal_byte_for_byte_are_named() -> None:
    one = linear_bundle("one", ("a",), [1.0], [2.0])
    two = linear_bundle("two", ("a",), [1.0], [3.0])
    assert _notes(bundles=(one, two)) == (
        "The same model, byte for byte, is one LONG and two LONG.",
    )


def _by_position(candles: int, hole: int) -> Evidence:
    """Production lacks the candle `hole`; the other side has its rows one after the other."""
    labels = np.delete(opens(candles + 1), hole)
    signals = np.random.default_rng(1).random(candles)
    # What production says of a candle after the hole stands one candle earlier.
    stored = FeatureRows(opens(candles), ("LONG", "SHORT"), both(signals))
    return replace(compare(signals, stored.at(labels)[0], opens=labels), stored=stored)


@pytest.mark.parametrize(("after", "is_told"), [(23, False), (24, True)])
def test_a_join_by_row_number_shows_on_24_candles_after_a_hole(after: int, is_told: bool) -> None:
    notes = notes_of(_by_position(72 + after, hole=72))
    assert any("joined by row number" in note for note in notes) is is_told


def test_a_join_by_time_is_not_called_one_by_row_number() -> None:
    labels = np.delete(opens(121), 60)
    signals = np.random.default_rng(1).random(120)
    assert notes_of(compare(signals, signals, opens=labels)) == ()
