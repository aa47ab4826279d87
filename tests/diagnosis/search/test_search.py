from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.examination.rounds import with_probes
from core.diagnosis.lab.world import Scope
from core.diagnosis.search.search import by_side, measure, replaces
from core.market import Side
from tests.diagnosis.small import compare, search_of, undo


def test_two_thirds_of_96_probes_differ_most_and_a_third_lies_evenly() -> None:
    """The first 500 of 2,000 candles differ, the earlier ones more."""
    gap = np.concatenate([np.linspace(0.4, 0.3, 500), np.zeros(1500)])
    search = search_of(compare(0.5 + gap, np.full(2000, 0.5)))
    probes = with_probes(search).probes
    assert len(probes) <= 96
    strongest = search.places[:192]
    assert np.isin(strongest[::3], probes).all()
    assert np.isin(probes, strongest[::3]).sum() >= 64
    assert len(probes[probes >= 500]) >= 20
    assert {int(search.places[0]), int(search.places[-1])} <= set(probes.tolist())


@pytest.mark.parametrize(("better", "is_taken"), [(0.8e-9, False), (1.2e-9, True)])
def test_the_order_of_a_sum_is_no_gain(better: float, is_taken: bool) -> None:
    evidence = compare(np.full(288, 0.6), np.full(288, 0.5), {1: np.full(288, 0.5 + better * 0.1)})
    entry = undo("lookback", 1)
    assert search_of(evidence).best([entry]) == (entry if is_taken else None)


def test_of_equally_good_changes_the_first_one_is_taken() -> None:
    better = np.full(288, 0.59)
    evidence = compare(np.full(288, 0.6), np.full(288, 0.5), {1: better, 2: better})
    first, second = undo("bundle", 1), undo("scaler", 2)
    assert search_of(evidence).best([first, second]) == first
    assert search_of(evidence).best([second, first]) == second


def test_a_change_is_kept_for_the_side_that_it_does_not_make_worse() -> None:
    other = np.full((288, 2), 0.5)
    tried = np.column_stack([np.full(288, 0.6), np.full(288, 0.3)])
    search = search_of(compare(np.full((288, 2), 0.6), other, {1: tried}))
    entry = undo("bundle", 1)
    assert by_side(search, entry, search.places).sides == ("LONG",)
    taken = search.best([entry], is_sided=True)
    assert taken is not None and taken.sides == ("LONG",)
    assert search.best([entry]) is None


def test_a_cell_that_became_unknown_keeps_its_difference() -> None:
    before = np.array([[0.2, 0.2], [0.4, np.nan], [0.0, 0.0]])
    after = np.array([[0.0, 0.0], [np.nan, np.nan], [0.0, 0.0]])
    fit = measure(before, after, np.full((3, 2), 1e-6))
    assert fit.mean == pytest.approx(0.4 / 5)
    assert fit.repaired == 0.5


def test_a_change_replaces_its_own_causes_where_they_meet() -> None:
    early, late = Scope(((0, 10),)), Scope(((11, 20),))
    one = undo("bundle", 1)
    assert replaces(one, undo("bundle", 2))
    assert not replaces(one, undo("scaler", 2))
    assert not replaces(replace(one, sides=(Side.LONG,)), replace(one, sides=(Side.SHORT,)))
    assert not replaces(replace(one, scope=early), replace(one, scope=late))
    assert replaces(replace(one, scope=early), replace(one, scope=early))
    assert replaces(replace(one, scope=early), one)
