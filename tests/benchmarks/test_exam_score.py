"""How the exam counts: strict about proofs, generous only where causes are said to be alike."""

from typing import Any

import pytest

from benchmarks.exam_cases import Case, Kind
from benchmarks.exam_judge import Answer
from benchmarks.exam_score import complaints, goals, mark, table, upper_bound

LOOKBACK = Case(Kind.FAULT, "lookback", 1, 1, ("lookback",))
PAIR = Case(Kind.PAIR, "lookback + bundle", 1, 1, ("lookback", "bundle"))
CLEAN = Case(Kind.CLEAN, "csv_bot", 1)
DECOY = Case(Kind.DECOY, "noise", 1)


def _finding(cause: str, verdict: str = "proven", **more: Any) -> dict[str, Any]:
    usual = {"same_as": [], "parameters": {}, "explained_ratio": 1.0}
    return {"cause": cause, "verdict": verdict, **usual, **more}


def _answer(
    case: Case, *findings: dict[str, Any], expected: dict[str, Any] | None = None
) -> Answer:
    return Answer(case, {"findings": list(findings)}, expected or {}, diagnose_s=2.0)


def test_the_right_cause_counts_first_only_when_it_is_first_and_proven() -> None:
    assert mark(_answer(LOOKBACK, _finding("lookback"))).is_first
    second = mark(_answer(LOOKBACK, _finding("market_data", "partial"), _finding("lookback")))
    assert not second.is_first
    assert second.is_among_three
    assert not mark(_answer(LOOKBACK, _finding("lookback", "partial"))).is_first
    assert not mark(_answer(LOOKBACK, _finding("lookback", "refuted"))).is_among_three


def test_a_cause_named_as_the_same_counts() -> None:
    alike = mark(_answer(LOOKBACK, _finding("warm_up", same_as=["lookback"])))
    assert alike.is_first
    assert alike.false_proven == ()


def test_a_proof_of_something_else_is_false() -> None:
    wrong = mark(_answer(LOOKBACK, _finding("lookback"), _finding("bundle")))
    assert wrong.false_proven == ("bundle",)
    assert not wrong.is_right
    assert mark(_answer(DECOY, _finding("bundle"))).false_proven == ("bundle",)
    assert mark(_answer(DECOY, _finding("bundle", "partial"))).is_right
    assert not mark(_answer(CLEAN, _finding("bundle", "partial"))).is_right


def test_a_pair_needs_both_causes() -> None:
    both = mark(_answer(PAIR, _finding("lookback"), _finding("bundle", "partial")))
    assert (both.found, both.is_right) == (2, True)
    assert mark(_answer(PAIR, _finding("lookback"))).found == 1


def test_parameters_are_compared_with_the_truth() -> None:
    expected = {"lookback": {"lookback_bars": 600}}
    right = _finding("lookback", parameters={"lookback_bars": 600})
    wrong = _finding("lookback", parameters={"lookback_bars": 599})
    assert mark(_answer(LOOKBACK, right, expected=expected)).is_parameter_right is True
    assert mark(_answer(LOOKBACK, wrong, expected=expected)).is_parameter_right is False
    assert mark(_answer(LOOKBACK, expected=expected)).is_parameter_right is None


def test_the_upper_bound_is_clopper_and_pearsons() -> None:
    assert upper_bound(0, 290) == pytest.approx(1 - 0.05 ** (1 / 290))
    assert upper_bound(1, 10) == pytest.approx(0.3942, abs=1e-4)
    assert upper_bound(0, 0) == upper_bound(3, 3) == 1.0


def test_goals_and_table_say_what_was_missed() -> None:
    marks = [
        mark(_answer(LOOKBACK, _finding("lookback"))),
        mark(_answer(PAIR, _finding("bundle"))),
        mark(_answer(CLEAN)),
        mark(_answer(DECOY, _finding("scaler"))),
    ]
    met = {goal.name: goal.is_met for goal in goals(marks)}
    assert met == {
        "right cause first": True,
        "right cause among the first three": True,
        "false proven": False,
        "clean bots silent": True,
        "both causes of a pair": False,
        "median seconds a case": True,
    }
    assert len(table(marks)) == 2 + 4
    assert [line.split(":")[0] for line in complaints(marks)] == [
        "lookback + bundle large (seed 1)",
        "noise (seed 1)",
    ]
