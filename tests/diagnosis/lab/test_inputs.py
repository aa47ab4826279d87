import numpy as np
import pytest

from core.diagnosis.lab.inputs import ordered_names, rounded

NAMES = ("b", "a", "d", "c")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (None, NAMES),
        ("alphabetical", ("a", "b", "c", "d")),
        ("reversed", ("c", "d", "a", "b")),
        ("log", ("d", "c", "b", "a")),
        ("exchanged:0,1", ("a", "b", "d", "c")),
        ("rotated:1", ("a", "d", "c", "b")),
        ("rotated:-1", ("c", "b", "a", "d")),
        ("nonsense", None),
    ],
)
def test_orders(order: str | None, expected: tuple[str, ...] | None) -> None:
    assert ordered_names(order, NAMES, ("time", "d", "c", "b", "a")) == expected


def test_the_log_s_order_needs_every_name_in_the_log() -> None:
    assert ordered_names("log", NAMES, ("a", "b")) is None


def test_rounding_and_narrowing() -> None:
    values = np.array([[0.123456789, 103_834.61]])
    assert rounded(values, None, 2).tolist() == [[0.12, 103_834.61]]
    assert rounded(values, "float32", None)[0, 1] == float(np.float32(103_834.61))
    assert rounded(values, None, None) is values
