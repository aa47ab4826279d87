"""What the text of one field means: a number, a truth value, nothing, or text; and times.

The same meaning holds for every reader of feature logs (docs/feature_log.md).
"""

import math
from zoneinfo import ZoneInfo

from core.time_text import TimeTextError, time_us

EMPTY = ("", "None", "none", "null", "NULL", "NA", "N/A", "NaT", "<NA>")
NOT_A_NUMBER = ("nan", "NaN", "NAN", "-nan", "-NaN")
_WORDS = {
    **dict.fromkeys(EMPTY + NOT_A_NUMBER, math.nan),
    **dict.fromkeys(("True", "true", "TRUE"), 1.0),
    **dict.fromkeys(("False", "false", "FALSE"), 0.0),
}
EXACT_INTEGERS = 2.0**53  # beyond, a float64 no longer holds every integer


class LineError(Exception):
    """A line that cannot be taken as it stands; data, kept with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason  # a code: bad_time, off_grid, implausible, ...
        self.detail = detail  # one sentence with the value


def parse_cell(text: str) -> float | str:
    """The number a field holds (NaN where it is empty), or its text unchanged."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[4:5] == "-" == text[7:8] and text[:4].isdigit():
        return text  # a date: what most text fields hold
    if text.isascii() and "_" not in text:  # float() knows "1_0" and foreign digits, CSV does not
        try:
            number = float(text)
        except ValueError:
            pass
        else:
            return math.nan if number != number else number
    stripped = text.strip()
    return text if stripped == text or stripped not in _WORDS else _WORDS[stripped]


def parse_row(cells: list[str]) -> tuple[list[float], dict[int, str]]:
    """Numbers by position (NaN where text stands) and texts by position.

    An integer that a float64 cannot hold exactly keeps its text beside the number.
    """
    values: list[float] = []
    texts: dict[int, str] = {}
    for position, text in enumerate(cells):
        value = parse_cell(text)
        if isinstance(value, str):
            texts[position] = text
            value = math.nan
        elif abs(value) >= EXACT_INTEGERS and _is_inexact_integer(text, value):
            texts[position] = text
        values.append(value)
    return values, texts


def _is_inexact_integer(text: str, value: float) -> bool:
    digits = text.strip().lstrip("+-").lstrip("0")
    return digits.isdigit() and (math.isinf(value) or int(digits) != abs(int(value)))


def parse_time(text: str, zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC of a field, as core.time_text reads it; raises LineError."""
    try:
        return time_us(text, zone)
    except TimeTextError as error:
        raise LineError(error.reason, error.detail) from error
