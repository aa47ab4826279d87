"""Which change a round accepts, in numbers that can be checked by hand."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from core.arrays import Flags, Floats
from core.diagnosis.cause import Cause
from core.diagnosis.causes.sides_swapped import swapped
from core.diagnosis.examination.rounds import Rounds, run_rounds, strength
from core.diagnosis.lab.world import Change
from core.diagnosis.search.search import Fit
from tests.diagnosis.small import also, cause_of, compare, search_of, trial_of, undo

COUNT = 480  # 24 blocks of 20 candles: 240 are searched
PLACES = np.arange(COUNT)
IS_SEARCH: Flags = PLACES // 20 % 2 == 0
RIGHT = np.full(COUNT, 0.5)


def _tried(
    off: Floats,
    answers: dict[int, Floats],
    *causes: Cause,
    accepted: tuple[Change, ...] = (),
) -> Rounds:
    """Rounds over a comparison whose production says 0.5 everywhere."""
    return run_rounds(search_of(compare(np.full(len(off), 0.5), off, answers), *accepted), causes)


def _plain(code: str, *changes: Change, **fields: Any) -> Cause:
    """A cause for both sides and the whole window."""
    return cause_of(code, *changes, acts_on_features=True, is_scoped=False, **fields)


def _mended(share: float) -> Floats:
    """0.5 on this share of the searched candles, evenly; 0.7 elsewhere."""
    order = np.full(COUNT, np.inf)
    order[IS_SEARCH] = np.argsort(np.argsort(np.arange(240) * 7 % 240))
    return np.where(order < round(share * 240), 0.5, 0.7)


def test_the_change_that_explains_everything_is_accepted_and_ends_the_search() -> None:
    mine, other = undo("lookback", 1), undo("bundle", 2)
    answers = {1: RIGHT, 2: _mended(0.5)}
    rounds = _tried(RIGHT + 0.2, answers, _plain("bundle", other), _plain("lookback", mine))
    assert rounds.accepted == (mine,)
    assert {trial.number for trial in rounds.trials} == {1}
    assert rounds.tested == {"lookback", "bundle"}


@pytest.mark.parametrize(("equal", "is_accepted"), [(0.0, False), (0.02, True)])
def test_a_cause_of_scoring_alone_has_to_make_candles_equal(
    equal: float, is_accepted: bool
) -> None:
    """Scoring is deterministic: an order of inputs that only comes near was not the bot's."""
    mine = undo("column_order", 1)
    answer = np.where(_mended(equal) == 0.5, 0.5, 0.6)
    cause = cause_of("column_order", mine, acts_on_scoring=True, is_scoped=False)
    rounds = _tried(RIGHT + 0.2, {1: answer}, cause)
    assert (rounds.accepted == (mine,)) is is_accepted


def test_where_nothing_differs_nothing_is_tried() -> None:
    rounds = _tried(RIGHT, {1: RIGHT}, _plain("lookback", undo("lookback", 1)))
    assert rounds.accepted == ()
    assert rounds.trials == []
    assert rounds.tested == set()


def test_a_cause_without_a_proposal_was_not_tried() -> None:
    rounds = _tried(RIGHT + 0.2, {}, _plain("lookback"))
    assert (rounds.tested, rounds.untried) == (set(), {"lookback"})
    assert (rounds.trials, rounds.accepted) == ([], ())


def test_held_out_candles_have_no_say_in_a_round() -> None:
    mine = undo("lookback", 1)
    only_held_out = np.where(IS_SEARCH, 0.7, 0.5)
    assert _tried(RIGHT + 0.2, {1: only_held_out}, _plain("lookback", mine)).accepted == ()
    only_search = np.where(IS_SEARCH, 0.5, 0.9)
    assert _tried(RIGHT + 0.2, {1: only_search}, _plain("lookback", mine)).accepted == (mine,)


@pytest.mark.parametrize(("left", "is_accepted"), [(0.1902, False), (0.1898, True)])
def test_a_change_has_to_remove_five_percent(left: float, is_accepted: bool) -> None:
    mine = undo("lookback", 1)
    rounds = _tried(RIGHT + 0.2, {1: RIGHT + left}, _plain("lookback", mine))
    assert (rounds.accepted == (mine,)) is is_accepted


@pytest.mark.parametrize(("repaired", "is_accepted"), [(0.19, False), (0.21, True)])
def test_a_fifth_of_the_candles_made_equal_is_no_accident(
    repaired: float, is_accepted: bool
) -> None:
    # The cause asks for nine tenths of the difference unless it makes candles equal.
    mine = undo("lookback", 1)
    answers = {1: _mended(repaired)}
    rounds = _tried(RIGHT + 0.2, answers, _plain("lookback", mine, least_gain=0.9))
    assert (rounds.accepted == (mine,)) is is_accepted


@pytest.mark.parametrize(("rest", "is_accepted"), [(0.2395, False), (0.2355, True)])
def test_candles_made_equal_have_to_hold_five_percent_of_the_difference_too(
    rest: float, is_accepted: bool
) -> None:
    # Half of the candles, which differ little, become equal; the others get worse or better.
    small = _mended(0.5) == 0.5
    off = np.where(small, 0.51, 0.74)  # 0.01 and 0.24: 0.125 in the mean
    mine = undo("lookback", 1)
    answers = {1: np.where(small, 0.5, 0.5 + rest)}  # 4.2 % and 5.8 % removed
    rounds = _tried(off, answers, _plain("lookback", mine, least_gain=0.9))
    assert (rounds.accepted == (mine,)) is is_accepted


@pytest.mark.parametrize(("repaired", "is_tried"), [(0.975, True), (0.984, False)])
def test_a_costly_cause_is_left_out_where_another_explains_everything(
    repaired: float, is_tried: bool
) -> None:
    cheap = _plain("lookback", undo("lookback", 1))
    costly = _plain("warm_up", undo("warm_up", 2), is_costly=True)
    search = search_of(compare(RIGHT, RIGHT + 0.2, {1: _mended(repaired), 2: RIGHT + 0.19}))
    rounds = run_rounds(search, (costly, cheap), max_rounds=1)
    assert ("warm_up" in rounds.tested) is is_tried


def test_of_equals_the_first_of_the_catalogue_is_accepted() -> None:
    one, two = undo("bundle", 1), undo("lookback", 2)
    answers = {1: RIGHT, 2: RIGHT}
    first = _tried(RIGHT + 0.2, answers, _plain("bundle", one), _plain("lookback", two))
    second = _tried(RIGHT + 0.2, answers, _plain("lookback", two), _plain("bundle", one))
    assert (first.accepted, second.accepted) == ((one,), (two,))


def test_candles_made_equal_rank_before_difference_removed() -> None:
    # One makes 30 % of the candles equal, the other takes 80 % of the difference everywhere.
    exact, smooth = undo("bundle", 1), undo("lookback", 2)
    search = search_of(compare(RIGHT, RIGHT + 0.2, {1: _mended(0.3), 2: RIGHT + 0.04}))
    causes = (_plain("lookback", smooth), _plain("bundle", exact))
    assert run_rounds(search, causes, max_rounds=1).accepted == (exact,)


def test_trials_are_ranked_to_two_digits() -> None:
    search = search_of(compare(RIGHT, RIGHT + 0.2, {1: RIGHT}))
    trial = trial_of(search, undo("lookback", 1))
    close = replace(trial, before=Fit(0.2, 0.0), after=Fit(0.0502, 0.996))
    assert strength(close) == (1.0, 0.75)
    assert strength(replace(close, after=Fit(0.0502, 0.19))) == (0.0, 0.75)


def test_at_most_six_causes_are_accepted() -> None:
    # Seven causes with a stretch each, every one a quarter of what the earlier ones left.
    sizes = [250, 188, 141, 105, 79, 59, 45]
    edges = np.cumsum([0, *sizes])
    codes = ["bundle", "scaler", "lookback", "warm_up", "precision", "nan_policy", "row_position"]
    causes = [
        _plain(code, undo(code, 1, ranges=((int(first), int(last) - 1),)))
        for code, (first, last) in zip(codes, pairwise(edges), strict=True)
    ]
    off = np.full(1000, 0.7)
    rounds = _tried(off, {1: np.full(1000, 0.5)}, *causes)
    assert [entry.cause for entry in rounds.accepted] == codes[:6]
    assert max(trial.number for trial in rounds.trials) == 6


def test_two_causes_that_act_together_are_both_accepted_in_two_rounds() -> None:
    one, two = undo("lookback", 1), also("bundle", 10)
    answers = {1: RIGHT + 0.1, 10: RIGHT + 0.25, 11: RIGHT}
    rounds = _tried(RIGHT + 0.3, answers, _plain("bundle", two), _plain("lookback", one))
    assert set(rounds.accepted) == {one, two}
    assert max(trial.number for trial in rounds.trials) == 2


@pytest.mark.parametrize(("more", "is_kept"), [(1e-8, True), (1e-10, False)])
def test_an_earlier_change_that_explains_nothing_beside_a_later_one_goes(
    more: float, is_kept: bool
) -> None:
    # Without the first change as much is left, but for the order of a sum.
    first, second = undo("lookback", 1), also("bundle", 10)
    answers = {1: RIGHT + 0.25, 10: RIGHT + 0.1 * (1 + more), 11: RIGHT + 0.1}
    search = search_of(compare(RIGHT, RIGHT + 0.3, answers), first)
    rounds = run_rounds(search, (_plain("bundle", second),), max_rounds=1)
    assert rounds.accepted == ((first, second) if is_kept else (second,))


def test_a_stand_in_that_made_nothing_equal_gives_way_to_the_true_cause() -> None:
    # Alone the stand-in leaves least, and an exchange of sides beside it less still. The true
    # cause leaves nothing beside that exchange, but only without the stand-in.
    stand_in, true = undo("precision", 1), also("lookback", 20)
    beside = Change(cause="sides_swapped", alter=swapped)
    left = {0: (0.2, 0.19), 1: (0.1, 0.08), 20: (0.15, 0.0), 21: (0.15, 0.12)}  # plain, exchanged
    answers = {
        number: np.column_stack([RIGHT + plain, RIGHT + exchanged])
        for number, (plain, exchanged) in left.items()
    }
    production = np.column_stack([RIGHT, np.full(COUNT, np.nan)])
    causes = (
        _plain("precision", stand_in),
        _plain("lookback", true),
        _plain("sides_swapped", beside),
    )
    rounds = run_rounds(search_of(compare(production, answers.pop(0), answers)), causes)
    assert rounds.accepted == (beside, true)


def test_two_wrongs_that_hide_each_other_are_found_together() -> None:
    # Either alone makes it worse; both at once leave nothing.
    hidden, partner = also("row_position", 10), undo("lookback", 1)
    answers = {1: RIGHT + 0.3, 10: RIGHT + 0.4, 11: RIGHT}
    causes = (
        _plain("row_position", hidden, shows_with="lookback"),
        _plain("lookback", partner),
    )
    rounds = _tried(RIGHT + 0.2, answers, *causes)
    assert set(rounds.accepted) == {hidden, partner}
    alone = (_plain("row_position", hidden), _plain("lookback", partner))
    assert _tried(RIGHT + 0.2, answers, *alone).accepted == ()


def test_a_cause_of_scoring_is_taken_for_the_side_that_it_helps() -> None:
    one_side = np.column_stack([RIGHT, RIGHT + 0.4])
    change = undo("scaler", 1)
    scoring = cause_of("scaler", change, acts_on_scoring=True, is_scoped=False)
    (accepted,) = _tried(RIGHT + 0.2, {1: one_side}, scoring).accepted
    assert accepted.sides == ("LONG",)


def test_a_scoped_cause_is_taken_for_the_time_in_which_it_helps() -> None:
    off = np.where(PLACES >= 240, 0.7, 0.5)
    worse_before = np.where(PLACES >= 240, 0.5, 0.6)
    cause = cause_of("lookback", undo("lookback", 1), acts_on_features=True)
    rounds = _tried(off, {1: worse_before}, cause)
    ((first, last),) = rounds.accepted[0].scope.ranges
    labels = compare(off, off).opens
    assert first in labels[200:241]
    assert last >= labels[459]


def test_an_empty_window_is_searched_without_an_answer() -> None:
    rounds = _tried(np.empty(0), {1: np.empty(0)}, _plain("lookback", undo("lookback", 1)))
    assert (rounds.accepted, rounds.trials) == ((), [])


def _small_and_large(cut: float) -> Rounds:
    """Many candles that differ little, of which a change removes `cut`, beside few large ones."""
    count = 9_600
    place = np.arange(count)
    is_large = place % 40 == 0
    off = np.where(is_large, 1.0, 0.6)
    answer = np.where(is_large, 1.0, 0.6 - cut)
    return _tried(off, {1: answer}, _plain("lookback", undo("lookback", 1)))


@pytest.mark.parametrize(("cut", "is_accepted"), [(0.008, False), (0.0105, True)])
def test_what_removes_less_than_two_percent_on_the_probes_is_not_looked_at_further(
    cut: float, is_accepted: bool
) -> None:
    # Over all searched candles the change would remove 7 %, or 9 %.
    assert bool(_small_and_large(cut).accepted) is is_accepted
