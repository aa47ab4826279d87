"""One line of a signal log after parsing, whatever its format, and the numbers printed in it.

With each number goes the value of its last printed digit.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from core.number_text import number
from core.times import Timeframe

_NAMED = 5  # rejected lines of a log that a report names
# From 15 significant digits on, a text is the full precision of a float64, not a rounding.
_FULL_PRECISION_DIGITS = 15
_NOTHING = frozenset(("", "nan", "none", "null", "-", "n/a", "na"))


class Raw(NamedTuple):
    """A whole line of a file, without its line end."""

    line: int
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r")


class Values(NamedTuple):
    """Probabilities and price of one line, with the value of their last printed digits.

    A side that the line says nothing about is None, as is a step in full precision.
    """

    long: float | None = None
    short: float | None = None
    price: float | None = None
    long_step: float | None = None
    short_step: float | None = None
    price_step: float | None = None


class Entry(NamedTuple):
    """A signal line: its values, or the reason why it was rejected.

    Times are stored µs. `row_open` is the candle open of the feature row that it stands in,
    where it stands in one.
    """

    line: int
    sha256: str
    raw: str | None = None
    row_open: int | None = None
    candle_open: int | None = None
    logged_at: int | None = None
    values: Values = Values()
    reason: str | None = None

    @property
    def is_rejected(self) -> bool:
        return self.reason is not None


def read_values(
    long: str | None, short: str | None, price: str | None, *, keeps_zeros: bool
) -> Values:
    """Texts → values; raises ValueError for a line that is no signal.

    `keeps_zeros`: the log prints a fixed number of digits, so each number tells its own
    precision; otherwise (JSON, CSV) the more finely printed of the two tells it for both.
    """
    p_long = None if long is None else probability(long)
    p_short = None if short is None else probability(short)
    if p_long is None and p_short is None:
        raise ValueError("neither a LONG nor a SHORT probability")
    value = None if price is None else reference_price(price)
    long_step = None if long is None or p_long is None else digit_step(long)
    short_step = None if short is None or p_short is None else digit_step(short)
    price_step = None if price is None or value is None else digit_step(price)
    if not keeps_zeros and p_long is not None and p_short is not None:
        long_step = short_step = _finest(long_step, short_step)
    return Values(p_long, p_short, value, long_step, short_step, price_step)


def checked_open(us: int | None, text: str, timeframe: Timeframe) -> int:
    """A candle open (stored µs) that can be one; raises ValueError."""
    if us is None:
        raise ValueError(f'candle time "{text[:40]}" cannot be read')
    if us % timeframe.length_us:
        raise ValueError(f"candle time {text} is no candle open of {timeframe.text}")
    return us


@dataclass
class LogCounts:
    """What reading a log came to: new lines, rejected ones among them, candles touched."""

    lines: int = 0
    rejected: int = 0
    files: int = 0
    candle_opens: set[int] = field(default_factory=set)  # stored µs
    problems: list[str] = field(default_factory=list)

    def add(self, entries: Sequence[Entry], touched: Iterable[int], path: str) -> None:
        """Count lines that were stored; the first rejected ones are named with their place."""
        rejected = [entry for entry in entries if entry.is_rejected]
        self.lines += len(entries)
        self.rejected += len(rejected)
        self.candle_opens.update(touched)
        room = max(0, _NAMED - len(self.problems))
        self.problems += [f"{path}:{entry.line}: {entry.reason}" for entry in rejected[:room]]


def digit_step(text: str) -> float | None:
    """Value of the last printed digit: "0.1381" → 1e-4; None in full precision.

    Trailing zeros count, since they were printed; thousands separators do not.
    """
    printed = text.strip().replace(",", "")
    whole, _, fraction = printed.partition(".")
    if whole.isdigit() and fraction.isdigit():  # what nearly every log prints
        is_rounded = len((whole + fraction).lstrip("0")) < _FULL_PRECISION_DIGITS
        return float(f"1e-{len(fraction)}") if is_rounded else None
    try:
        decimal = Decimal(printed)
    except InvalidOperation:
        return None
    _, digits, exponent = decimal.as_tuple()
    if not isinstance(exponent, int) or len(digits) >= _FULL_PRECISION_DIGITS:
        return None
    return float(Decimal((0, (1,), exponent)))


def _finest(mine: float | None, other: float | None) -> float | None:
    """The finer step of both numbers of one record, None where one has full precision.

    JSON and CSV writers drop trailing zeros (0.5 may be 0.500000), so the record's
    most finely printed probability says how both were rounded.
    """
    return None if mine is None or other is None else min(mine, other)


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
        value = number(stripped)
    except ValueError as error:
        raise ValueError(f'{what} "{_short(stripped)}" is no number') from error
    if not math.isfinite(value):
        raise ValueError(f"{what} {_short(stripped)} is not finite")
    return value


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"
