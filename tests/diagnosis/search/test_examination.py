import pytest

from core.diagnosis.search.examination import Trial, is_as_good
from core.diagnosis.search.search import Fit
from tests.diagnosis.small import undo


def _trial(left: float, repaired: float, number: int = 1) -> Trial:
    return Trial(
        cause="scaler",
        number=number,
        change=undo("scaler", 1),
        accepted=(),
        before=Fit(1.0, 0.0),
        after=Fit(left, repaired),
    )


@pytest.mark.parametrize(
    ("left", "repaired", "is_equal"),
    [
        (0.0, 0.981, True),
        (0.0, 0.979, False),
        (0.019, 1.0, True),
        (0.021, 1.0, False),
    ],
)
def test_inputs_may_not_tell_two_apart_from_98_of_100_on(
    left: float, repaired: float, is_equal: bool
) -> None:
    assert is_as_good(_trial(left, repaired), _trial(0.0, 1.0)) == is_equal


def test_champions_of_different_rounds_are_not_compared() -> None:
    assert not is_as_good(_trial(0.0, 1.0, number=2), _trial(0.0, 1.0))


def test_a_trial_with_nothing_before_it_gains_nothing() -> None:
    trial = _trial(0.0, 1.0)
    nothing = Trial(
        cause="scaler",
        number=1,
        change=trial.change,
        accepted=(),
        before=Fit(0.0, 0.0),
        after=Fit(0.0, 0.0),
    )
    assert (nothing.gain, trial.gain) == (0.0, 1.0)
