"""The exam is as large as it claims, and each case is a bot that can be built."""

from collections import Counter

from benchmarks.exam_cases import SEEDS, SHORT_SEEDS, Kind, all_cases, short_cases
from demo.faults import FAULTS


def test_the_exam_has_every_fault_at_two_sizes_and_five_seeds() -> None:
    cases = all_cases()
    count = Counter(case.kind for case in cases)
    assert len(FAULTS) >= 21
    assert count[Kind.FAULT] == len(FAULTS) * 5 * 2
    assert count[Kind.PAIR] == 20
    assert count[Kind.CLEAN] == 30
    assert count[Kind.DECOY] == 30
    assert len(set(cases)) == len(cases)


def test_the_short_form_has_every_fault_once_and_other_seeds() -> None:
    faults = [case.name for case in short_cases() if case.kind is Kind.FAULT]
    assert sorted(faults) == sorted(FAULTS)
    assert not set(SEEDS) & set(SHORT_SEEDS)
