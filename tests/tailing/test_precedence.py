"""Which of several lines counts: the law that feature and signal logs share."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from core.tailing.precedence import Place, Status, judge, order


@dataclass(frozen=True)
class Said:
    """A line that says a value of each of some subjects."""

    place: Place
    says: tuple[tuple[str, int], ...]

    def subjects(self) -> list[str]:
        return [subject for subject, _ in self.says]

    def is_same(self, winner: "Said", subject: str) -> bool:
        return dict(self.says)[subject] == dict(winner.says)[subject]


places = st.builds(Place, st.integers(0, 2), st.integers(0, 2), st.integers(1, 9))
says = st.dictionaries(st.sampled_from("ls"), st.integers(0, 1), min_size=1)
lines = st.lists(
    st.builds(Said, places, says.map(lambda said: tuple(sorted(said.items())))),
    unique_by=lambda line: line.place,
    max_size=7,
)


def verdict_of(found: list[Said]) -> tuple[dict[str, Said], dict[Place, Status]]:
    ordered = sorted(found, key=lambda line: order(f"{line.place.file_id}.csv", line.place))
    verdict = judge(ordered, Said.subjects, Said.is_same)
    places = [line.place for line in ordered]
    return verdict.winners, dict(zip(places, verdict.statuses, strict=True))


@given(found=lines, data=st.data())
def test_the_verdict_does_not_depend_on_the_order_of_arrival(
    found: list[Said], data: st.DataObject
) -> None:
    assert verdict_of(data.draw(st.permutations(found))) == verdict_of(found)


@given(found=lines)
def test_the_first_line_that_speaks_of_a_subject_counts_for_it(found: list[Said]) -> None:
    winners, statuses = verdict_of(found)
    for subject in "ls":
        speaking = [line for line in found if subject in line.subjects()]
        first = min(speaking, key=lambda line: line.place, default=None)
        assert winners.get(subject) == first
    for line in found:
        others = {it: winners[it] for it in line.subjects() if winners[it] is not line}
        agrees = all(line.is_same(winner, it) for it, winner in others.items())
        wins = len(others) < len(line.says)
        expected = Status.USED if wins else Status.DUPLICATE
        assert statuses[line.place] is (expected if agrees else Status.CONFLICT)


@given(found=lines)
def test_a_later_line_never_changes_what_counts(found: list[Said]) -> None:
    last = max(found, key=lambda line: line.place, default=None)
    winners, statuses = verdict_of(found)
    earlier_winners, earlier_statuses = verdict_of([line for line in found if line is not last])
    assert earlier_statuses.items() <= statuses.items()
    assert earlier_winners.items() <= winners.items()


def test_position_comes_before_path_and_path_before_content_and_line() -> None:
    keys = [
        order("z", Place(1, 5, 9), 0),
        order("a", Place(2, 0, 9), 1),
        order("a", Place(2, 1, 2), 1),
        order("a", Place(2, 1, 10), 1),
        order("b", Place(3, 0, 1), 1),
    ]
    mixed = [keys[at] for at in (3, 0, 4, 2, 1)]
    assert sorted(mixed) == keys
