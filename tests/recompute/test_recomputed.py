import itertools
from collections.abc import Iterator

import pytest

from core.errors import PipelineError
from core.recompute.recomputed import Collected, gathered


def reason(number: int) -> Collected:
    return Collected(reasons=[(number, "no_row", "")])


def opens(batch: Collected) -> list[int]:
    return [opened for opened, _, _ in batch.reasons]


@pytest.mark.parametrize(
    ("step_s", "expected"),
    [
        (0.0, [[0, 1, 2, 3, 4]]),
        (0.25, [[0, 1], [2, 3], [4]]),
        (1.0, [[0], [1], [2], [3], [4], []]),
    ],
)
def test_what_comes_in_a_while_is_one_batch(step_s: float, expected: list[list[int]]) -> None:
    now = {"s": 0.0}

    def come() -> Iterator[Collected]:
        for number in range(5):
            now["s"] += step_s
            yield reason(number)

    found = gathered(come(), lambda: now["s"], wait_s=0.5)
    assert [opens(batch) for batch in found] == expected


def test_what_came_before_a_refusal_is_handed_on() -> None:
    def come() -> Iterator[Collected]:
        yield reason(1)
        raise PipelineError("breaks the contract")

    clock = itertools.repeat(0.0)
    found = gathered(come(), lambda: next(clock))
    assert opens(next(found)) == [1]
    with pytest.raises(PipelineError, match="breaks the contract"):
        next(found)
