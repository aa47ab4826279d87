"""What the text of one field means: a number, a truth value, nothing, or text; and times.

The same meaning holds for every reader of feature logs (docs/feature_log.md).
"""

import math
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from core.times import to_us

EMPTY = ("", "None", "none", "null", "NULL", "NA", "N/A", "NaT", "<NA>")
NOT_A_NUMBER = ("nan", "NaN", "NAN", "-nan", "-NaN")
_WORDS = {
    **dict.fromkeys(EMPTY + NOT_A_NUMBER, math.nan),
    **dict.fromkeys(("True", "true", "TRUE"), 1.0),
    **dict.fromkeys(("False", "false", "FALSE"), 0.0),
}
EXACT_INTEGERS = 2.0**53  # beyond, a float64 no longer holds every integer

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?)?")
_FIRST_US = 946_684_800_000_000  # 2000-01-01
_END_US = 4_102_444_800_000_000  # 2100-01-01
# Epoch numbers by size: below the bound, microseconds in one unit.
_UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))


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
    """Microseconds since 1970 UTC of epoch s / ms / µs or ISO text; naive text is in `zone`.

    Raises LineError: bad_time, and ambiguous_time or nonexistent_time where the
    zone's clock shows this time twice or never.
    """
    stripped = text.strip()
    try:
        return epoch_us(float(stripped)) if "_" not in stripped else _iso_us(stripped, zone)
    except ValueError:
        return _iso_us(stripped, zone)


def epoch_us(number: float) -> int:
    """Microseconds of an epoch number, its unit told by its size; raises LineError."""
    for bound, unit in _UNITS:
        if abs(number) < bound:
            microseconds = round(number * unit)
            if _FIRST_US <= microseconds < _END_US:
                return microseconds
            break
    raise LineError("bad_time", f"{number:.17g} is no epoch time between 2000 and 2100")


def _iso_us(text: str, zone: ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text) if _ISO.match(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise LineError("bad_time", f"{text[:60]!r} is neither an epoch time nor ISO text")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC) if zone.key == "UTC" else _local(moment, zone)
    microseconds = to_us(moment)
    if not _FIRST_US <= microseconds < _END_US:
        raise LineError("bad_time", f"{text[:60]!r} does not lie between 2000 and 2100")
    return microseconds


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    earlier, later = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier
    exists = earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment
    reason, word = ("ambiguous_time", "twice") if exists else ("nonexistent_time", "never")
    raise LineError(
        reason, f"the clock of {zone.key} shows {moment.isoformat(sep=' ')} {word}; log UTC instead"
    )
