"""Text → number: one grammar, its scalar and its two vector forms equal."""

import math

import pytest

from core.number_text import all_numbers, number, numbers

READ = {
    "1": 1.0,
    " 0.5\n": 0.5,
    "-0.0": -0.0,
    "+.5e-3": 0.0005,
    "37.30599511725993": 37.30599511725993,
    "1e400": math.inf,
    "-inf": -math.inf,
}
REFUSED = ("", " ", "abc", "1_0", "1,5", "0x10", "１２", "٣", "\xa01", "1 0")


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_a_number_is_read_to_the_bit(text: str, expected: float) -> None:
    assert (number(text), math.copysign(1, number(text))) == (expected, math.copysign(1, expected))
    assert numbers([text]).tolist() == [number(text)]


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_file_means_a_number_by_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|float"):
        number(text)
    assert all_numbers([text]) is None
    assert math.isnan(numbers([text])[0])


def test_one_text_that_is_no_number_leaves_the_others_read() -> None:
    assert all_numbers(list(READ)) is not None
    assert all_numbers([*READ, *REFUSED]) is None
    read = numbers([*READ, "nan", *REFUSED])
    assert read[: len(READ)].tolist() == list(READ.values())
    assert all(math.isnan(value) for value in read[len(READ) :])


def test_no_text_is_no_number() -> None:
    assert numbers([]).tolist() == []
    assert all_numbers([]) is not None
