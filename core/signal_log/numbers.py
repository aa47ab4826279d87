"""Printed probabilities and prices, with the value of their last printed digit."""

import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

# From 15 significant digits on, a text is the full precision of a float64, not a rounding.
_FULL_PRECISION_DIGITS = 15
_NOTHING = frozenset(("", "nan", "none", "null", "-", "n/a", "na"))


def digit_step(text: str) -> float | None:
    """Value of the last printed digit: "0.1381" → 1e-4; None in full precision.

    Trailing zeros count, since they were printed; thousands separators do not.
    """
    try:
        number = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        return None
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or len(digits) >= _FULL_PRECISION_DIGITS:
        return None
    return float(Decimal((0, (1,), exponent)))


def line_step(texts: Sequence[str | None]) -> float | None:
    """The finest step of the numbers of one record, None where one has full precision.

    JSON and CSV writers drop trailing zeros (0.5 may be 0.500000), so the record's
    most finely printed probability says how all of them were rounded.
    """
    steps = [digit_step(text) for text in texts if text is not None]
    known = [step for step in steps if step is not None]
    return min(known) if steps and len(known) == len(steps) else None


def probability(text: str) -> float | None:
    """A probability, None for an empty field; raises ValueError outside 0..1."""
    value = _number(text, "probability")
    if value is not None and not 0.0 <= value <= 1.0:
        raise ValueError(f"probability {text.strip()} outside 0..1")
    return value


def reference_price(text: str) -> float | None:
    """A price above 0 with or without thousands separators; None for an empty field."""
    value = _number(text.replace(",", "").lstrip("$€£ "), "price")
    if value is not None and value <= 0.0:
        raise ValueError(f"price {text.strip()} is not above 0")
    return value


def _number(text: str, what: str) -> float | None:
    stripped = text.strip()
    if stripped.lower() in _NOTHING:
        return None
    try:
        value = float(stripped)
    except ValueError as error:
        raise ValueError(f'{what} "{_short(stripped)}" is no number') from error
    if not math.isfinite(value):
        raise ValueError(f"{what} {_short(stripped)} is not finite")
    return value


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"
