"""From a change to a finding: held-out candles decide, the sides it moves, where it speaks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.arrays import Floats
from core.diagnosis.finding import Verdict
from core.diagnosis.judging import (
    Judged,
    best_ratio,
    counts_of,
    equals,
    finding_of,
    is_refuted,
    judge_change,
    where_words,
)
from core.diagnosis.verdict import Judgement
from core.market import Side
from tests.diagnosis.small import (
    also,
    both,
    cause_of,
    compare,
    opens,
    search_of,
    trial_of,
    undo,
)

COUNT = 288  # a day: 24 blocks of 12 candles, every other one held out
OFF = np.full(COUNT, 0.7)
RIGHT = np.full(COUNT, 0.5)
IS_SEARCH = np.arange(COUNT) // 12 % 2 == 0


def _judged(off: Floats, mended: Floats, **fields: Any) -> Judged:
    """The change that turns `off` into `mended`, where production said 0.5."""
    search = search_of(compare(np.full(len(off), 0.5), off, {1: mended}))
    change = undo("lookback", 1, **fields)
    return judge_change(search, change, (change,))


def test_a_change_that_undoes_the_whole_difference_is_proven() -> None:
    judged = _judged(OFF, RIGHT)
    assert judged.judgement.verdict is Verdict.PROVEN
    assert judged.judgement.explained_ratio == 1.0
    assert judged.judgement.held_out_candles == COUNT // 2
    assert judged.scope_candles == COUNT
    assert judged.sides == ("LONG", "SHORT")


def test_what_helps_on_searched_candles_alone_is_refuted() -> None:
    judged = _judged(OFF, np.where(IS_SEARCH, 0.5, 0.7))
    assert judged.judgement.verdict is Verdict.REFUTED
    assert judged.judgement.explained_ratio == 0.0


def test_searched_candles_do_not_count_in_the_verdict() -> None:
    assert _judged(OFF, np.where(IS_SEARCH, 0.9, 0.5)).judgement.verdict is Verdict.PROVEN


def test_a_full_explanation_of_five_blocks_is_partial_and_six_prove_it() -> None:
    few = _judged(OFF[:60], RIGHT[:60]).judgement
    assert few.verdict is Verdict.PARTIAL
    assert few.explained_ratio == 1.0
    assert few.shortfall == "too few candles: 5 blocks; a proof needs 6 of 12 candles each"
    assert _judged(OFF[:72], RIGHT[:72]).judgement.verdict is Verdict.PROVEN


def test_a_change_is_judged_by_what_it_adds_to_the_others() -> None:
    # 0.3 off; one change takes 0.2 of it, the other the last 0.1, both together all.
    evidence = compare(
        np.full(COUNT, 0.5),
        np.full(COUNT, 0.8),
        {1: np.full(COUNT, 0.6), 10: np.full(COUNT, 0.7), 11: RIGHT},
    )
    search = search_of(evidence)
    one, other = undo("lookback", 1), also("bundle", 10)
    alone = judge_change(search, one, (one,)).judgement
    beside = judge_change(search, one, (one, other)).judgement
    assert alone.explained_ratio == pytest.approx(2 / 3)
    assert alone.verdict is Verdict.PARTIAL
    assert beside.explained_ratio == pytest.approx(1.0)
    assert beside.verdict is Verdict.PROVEN


def test_few_held_out_candles_are_spread_over_the_window() -> None:
    search = search_of(compare(RIGHT, OFF, {1: np.where(np.arange(COUNT) < 144, 0.5, 0.7)}))
    change = undo("lookback", 1)
    judgement = judge_change(search, change, (change,), most=20).judgement
    assert judgement.held_out_candles == 20
    assert judgement.explained_ratio == pytest.approx(0.5)  # of either half ten


def test_a_change_that_moves_one_side_is_judged_on_that_side_alone() -> None:
    # SHORT is off for a reason that the change does not touch.
    mended = np.column_stack([RIGHT, OFF])
    judged = _judged(OFF, mended)
    assert judged.sides == ("LONG",)
    assert judged.judgement.verdict is Verdict.PROVEN


def test_a_change_that_moves_nothing_is_refuted_for_all_of_its_sides() -> None:
    judged = _judged(OFF, OFF, sides=(Side.SHORT,))
    assert judged.sides == ("SHORT",)
    assert judged.judgement.verdict is Verdict.REFUTED


def test_a_change_of_a_stretch_is_judged_on_that_stretch() -> None:
    off = np.where(np.arange(COUNT) >= 96, 0.7, 0.5)
    judged = _judged(off, RIGHT, ranges=((96, 191),))
    assert judged.scope_candles == 96
    assert judged.judgement.held_out_candles == 48
    assert judged.judgement.verdict is Verdict.PROVEN


def test_the_finding_of_a_stretch_names_it_and_keeps_the_counts() -> None:
    search = search_of(compare(RIGHT, OFF, {1: RIGHT}))
    change = undo("lookback", 1, ranges=((96, 191),), parameters=(("lookback_bars", 900),))
    finding = finding_of(
        cause_of("lookback"), search, judge_change(search, change, (change,)), ("warm_up",)
    )
    assert finding.cause == "lookback"
    assert finding.parameters == {"lookback_bars": 900}
    assert finding.same_as == ("warm_up",)
    assert finding.evidence == {
        "differing": 48,
        "repaired": 48,
        "agreed": 0,
        "damaged": 0,
        "scope": [{"from": "2026-03-02T08:00:00Z", "last": "2026-03-02T15:55:00Z"}],
    }
    assert finding.summary == (
        "The lookback was off (2026-03-02 08:00 to 2026-03-02 15:55 UTC); undoing lookback "
        "removes all of the difference on 48 held-out candles. "
        "These inputs cannot tell it from warm_up. Mend it."
    )


def test_a_change_of_all_candles_and_sides_needs_no_words_about_where() -> None:
    assert where_words(undo("lookback", 1)) == ""
    assert where_words(undo("lookback", 1, sides=(Side.SHORT,))) == ", for SHORT alone"


@pytest.mark.parametrize(
    ("stretches", "told", "more"),
    [(3, 3, ""), (4, 3, " and 1 more stretch)"), (5, 3, " and 2 more stretches)")],
)
def test_three_stretches_are_told_with_their_times(stretches: int, told: int, more: str) -> None:
    ranges = [(20 * number, 20 * number + 5) for number in range(stretches)]
    words = where_words(undo("lookback", 1, ranges=ranges))
    assert words.count(" to ") == told
    assert words.endswith(more)
    assert ("more" in words) is bool(more)


def test_a_shortfall_is_kept_where_there_is_one() -> None:
    whole = Judgement(
        verdict=Verdict.PROVEN,
        explained_ratio=1.0,
        residual_mean_abs_diff=0.0,
        held_out_candles=9,
        differing=9,
        repaired=8,
        agreed=0,
        damaged=0,
        shortfall="",
    )
    short = replace(whole, verdict=Verdict.PARTIAL, shortfall="only 8 of 9")
    assert "shortfall" not in counts_of(whole)
    assert counts_of(short)["shortfall"] == "only 8 of 9"


@pytest.mark.parametrize(("apart", "names"), [(1, ("warm_up",)), (2, ())])
def test_causes_that_leave_the_same_on_99_of_100_candles_are_not_told_apart(
    apart: int, names: tuple[str, ...]
) -> None:
    # One of the 144 held-out candles is 0.7 %, two are 1.4 %.
    other = RIGHT.copy()
    other[np.flatnonzero(~IS_SEARCH)[:apart]] = 0.51
    search = search_of(compare(RIGHT, OFF, {1: RIGHT, 2: other}))
    mine, theirs = undo("lookback", 1), undo("warm_up", 2)
    trials = [trial_of(search, mine), trial_of(search, theirs)]
    assert equals(search, mine, (mine,), trials) == names


def test_a_champion_of_another_round_or_of_the_same_cause_is_no_equal() -> None:
    search = search_of(compare(RIGHT, OFF, {1: RIGHT, 2: RIGHT}))
    mine = undo("lookback", 1)
    late = trial_of(search, undo("warm_up", 2), number=2)
    own = trial_of(search, undo("lookback", 2))
    assert equals(search, mine, (mine,), [trial_of(search, mine), late, own]) == ()


def test_an_accepted_change_that_no_trial_holds_has_no_equals() -> None:
    search = search_of(compare(RIGHT, OFF, {1: RIGHT, 2: RIGHT}))
    mine = undo("lookback", 1)
    assert equals(search, mine, (mine,), [trial_of(search, undo("warm_up", 2))]) == ()


def test_the_best_round_of_a_cause_speaks_for_it() -> None:
    answers = {1: np.full(COUNT, 0.68), 2: np.full(COUNT, 0.66)}
    search = search_of(compare(RIGHT, OFF, answers))
    weak, strong = undo("lookback", 1), undo("lookback", 2)
    trials = [trial_of(search, weak), trial_of(search, strong, number=2)]
    best = best_ratio(search, trials)
    assert best is not None
    assert best[0] == pytest.approx(0.2)
    assert best[1].change == strong
    assert best_ratio(search, []) is None


def test_a_cause_takes_its_own_place_when_it_is_judged_again() -> None:
    # The accepted change of the same cause and stretch must not stand beside the trial's.
    search = search_of(compare(RIGHT, OFF, {1: RIGHT, 2: np.full(COUNT, 0.6)}))
    accepted = undo("lookback", 1)
    trial = trial_of(search, undo("lookback", 2), accepted=(accepted,))
    best = best_ratio(search, [trial])
    assert best is not None
    assert best[0] == pytest.approx(0.5)


def test_less_than_five_percent_refutes() -> None:
    assert is_refuted(0.0499)
    assert not is_refuted(0.05)


def test_a_side_that_is_not_known_says_nothing() -> None:
    production = both(RIGHT)
    production[:, 1] = np.nan
    search = search_of(compare(production, OFF, {1: RIGHT}, opens=opens(COUNT)))
    change = undo("lookback", 1)
    judgement = judge_change(search, change, (change,)).judgement
    assert judgement.verdict is Verdict.PROVEN
    assert judgement.differing == COUNT // 2
