import pytest

from core.diagnosis.causes.column_order import (
    Exchanged,
    Rotated,
    alphabetical,
    as_logged,
    backwards,
)
from core.diagnosis.lab.world import InputOrder

NAMES = ("b", "a", "d", "c")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (alphabetical, ("a", "b", "c", "d")),
        (backwards, ("c", "d", "a", "b")),
        (as_logged, ("d", "c", "b", "a")),
        (Exchanged(0), ("a", "b", "d", "c")),
        (Exchanged(2), ("b", "a", "c", "d")),
        (Rotated(1), ("a", "d", "c", "b")),
        (Rotated(-1), ("c", "b", "a", "d")),
    ],
)
def test_orders(order: InputOrder, expected: tuple[str, ...]) -> None:
    assert order(NAMES, ("time", "d", "c", "b", "a")) == expected


def test_the_log_s_order_needs_every_name_in_the_log() -> None:
    assert as_logged(NAMES, ("a", "b")) is None
