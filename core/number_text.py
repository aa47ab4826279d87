"""Text → number, by one grammar for every file that Align reads: ASCII digits, no underscores.

Python's float() also knows "1_0" and the digits of other scripts; no file that a bot or an
exchange writes means a number by them.
"""

from collections.abc import Sequence

import numpy as np

from core.arrays import Floats


def number(text: str) -> float:
    """The float64 that the text names, as Python reads it; raises ValueError for any other text."""
    if "_" in text or not text.isascii():
        raise ValueError(f"not a number: {text[:40]!r}")
    return float(text)


def all_numbers(texts: Sequence[str]) -> Floats | None:
    """What `number` says of each text; None where it raises for any of them."""
    joined = "".join(texts)
    if "_" in joined or not joined.isascii():
        return None
    try:
        return np.array([float(text) for text in texts], dtype="float64")
    except ValueError:
        return None


def numbers(texts: Sequence[str]) -> Floats:
    """What `number` says of each text; NaN where it raises."""
    at_once = all_numbers(texts)
    if at_once is not None:
        return at_once
    return np.array([_number_or_nan(text) for text in texts], dtype="float64")


def _number_or_nan(text: str) -> float:
    try:
        return number(text)
    except ValueError:
        return float("nan")
