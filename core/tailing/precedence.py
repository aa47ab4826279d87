"""Which of several log lines that speak of one candle counts, for every kind of log.

Lines stand in an order that does not depend on when they were read. The first that
speaks of a subject counts for it; a later one that says the same is a duplicate, one
that says something else a conflict. What the subjects of a line are, and what "the
same" means, is the noun's:

- a line of a feature log speaks of its candle as a whole, and says the same when every
  value is the same (feature_log/ledger.py);
- a line of a signal log speaks of one side or both, each of which may come from another
  log, and says the same at the digits that both lines printed (signal_log/verdicts.py).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

Line = TypeVar("Line")
Subject = TypeVar("Subject")


class Place(NamedTuple):
    """Where a line stands; `generation` counts how often the file's content was replaced."""

    file_id: int
    generation: int
    line: int


class Status(StrEnum):
    """What became of a line. REJECTED: it says nothing that can be used, and is not judged."""

    USED = "used"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Verdict(Generic[Line, Subject]):
    """The line that counts for each subject, and the status of every line, in their order."""

    winners: dict[Subject, Line]
    statuses: list[Status]


def order(path: str, place: Place, position: int = 0) -> tuple[int, str, int, int]:
    """What lines are sorted by; `position` is that of their log in the configuration."""
    return (position, path, place.generation, place.line)


def judge(
    lines: Sequence[Line],
    subjects: Callable[[Line], Iterable[Subject]],
    is_same: Callable[[Line, Line, Subject], bool],
) -> Verdict[Line, Subject]:
    """The verdict on all lines of one candle, given in their order.

    is_same(line, winner, subject): whether a later line says what the one that counts says.
    """
    winners: dict[Subject, Line] = {}
    statuses = []
    for line in lines:
        spoken_of = list(subjects(line))
        agrees = all(is_same(line, winners[it], it) for it in spoken_of if it in winners)
        is_first = any(it not in winners for it in spoken_of)
        for subject in spoken_of:
            winners.setdefault(subject, line)
        statuses.append(Status.USED if agrees and is_first else later_status(agrees=agrees))
    return Verdict(winners, statuses)


def later_status(*, agrees: bool) -> Status:
    """What a line is that comes after the one that counts."""
    return Status.DUPLICATE if agrees else Status.CONFLICT
