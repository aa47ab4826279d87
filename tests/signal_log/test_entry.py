import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.signal_log.entry import digit_step, probability, read_values, reference_price


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("0.1381", 1e-4),
        ("0.3870", 1e-4),
        ("1", 1.0),
        ("0.5", 0.1),
        ("1.5e-05", 1e-6),
        ("111,277.6", 0.1),
        ("0.87674487", 1e-8),
        ("0.8767448663711548", None),
        ("nan", None),
        ("", None),
    ],
)
def test_step_is_the_value_of_the_last_printed_digit(text: str, step: float | None) -> None:
    assert digit_step(text) == step


@given(value=st.floats(0, 1), digits=st.integers(1, 12))
def test_a_rendered_signal_is_within_half_its_step(value: float, digits: int) -> None:
    text = f"{value:.{digits}f}"
    step = digit_step(text)
    unit = Decimal(1).scaleb(-digits)
    assert step == float(unit)
    assert probability(text) == float(text)
    # Exactly: subtracting floats adds an error of its own, seen at 11 digits.
    assert abs(Decimal(text) - Decimal(value)) <= unit / 2


@given(value=st.floats(0, 1, width=32))
def test_a_float32_in_full_reads_back(value: float) -> None:
    parsed = probability(repr(float(np.float32(value))))
    assert parsed == value
    assert not math.isnan(parsed)


@pytest.mark.parametrize(
    ("long", "short", "steps"),
    [
        ("0.5", "0.3812", (1e-4, 1e-4)),
        ("0.3812", "0.5", (1e-4, 1e-4)),
        ("0.5", "0.8767448663711548", (None, None)),
        ("0.5", None, (0.1, None)),
        ("", "0.50", (None, 0.01)),
    ],
)
def test_the_finest_number_tells_the_step_of_a_record(
    long: str, short: str | None, steps: tuple[float | None, float | None]
) -> None:
    values = read_values(long, short, None, keeps_zeros=False)
    assert (values.long_step, values.short_step) == steps


def test_a_fixed_number_of_digits_tells_the_step_of_each_number() -> None:
    values = read_values("0.5", "0.3812", "100.0", keeps_zeros=True)
    assert (values.long_step, values.short_step, values.price_step) == (0.1, 1e-4, 0.1)


@pytest.mark.parametrize("text", ["1.3", "-0.1", "inf", "abc", "1e400"])
def test_what_is_no_probability_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"probability"):
        probability(text)


@pytest.mark.parametrize("text", ["", " ", "nan", "None", "null"])
def test_an_empty_field_is_not_known(text: str) -> None:
    assert probability(text) is None
    assert reference_price(text) is None


def test_prices_may_have_separators_and_a_sign_of_the_currency() -> None:
    assert reference_price("$111,277.6") == 111277.6
    with pytest.raises(ValueError, match="not above 0"):
        reference_price("0")
