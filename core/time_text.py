"""Text → time, by one grammar for every file that Align reads.

A number is an epoch in seconds, ms, µs or ns, told by its size; anything else is ISO text and
its usual relatives: the date with - / . \\ or a space between its parts or (before a time)
without any, then T, a space, _ or -, the time of day, a fraction of the second after a point or
a comma, and an offset. A date alone is midnight, a month alone its first day. Some programs write
year 1 for "none": what does not lie between 2000 and 2100 is no time.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.arrays import Ints
from core.times import to_us

NOT_A_TIME = np.iinfo("int64").min
FIRST_US, END_US = (to_us(datetime(year, 1, 1, tzinfo=UTC)) for year in (2000, 2100))

# Upper bounds of |epoch| and what one unit is in µs; beyond the last only nanoseconds remain.
# 1e11 seconds is the year 5138, 1e11 ms is 1973.
_UNITS = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0), (np.inf, 1e-3))
_OFFSET = r"Z|(?P<sign>[+-])(?P<oh>\d\d)(?::?(?P<om>[0-5]\d)(?::?(?P<os>[0-5]\d))?)?"
_TIME = re.compile(
    r"(?P<year>\d{4})(?:(?P<sep>[-/.\\ ])(?P<month>\d\d?)(?P=sep)(?P<day>\d\d?)"
    r"|(?P<mm>\d\d)(?P<dd>\d\d)(?=\D))"
    r"(?:[Tt _-](?:(?P<h>\d\d?)(?::(?P<m>\d\d?)(?::(?P<s>\d\d?)(?:[.,](?P<f>\d*))?)?)?"
    rf"|(?P<hh>\d\d)(?P<mi>\d\d)(?:(?P<ss>\d\d)(?:[.,](?P<ff>\d*))?)?) ?(?P<offset>{_OFFSET})?)?",
    re.ASCII,
)
_MONTH = re.compile(r"(?P<year>\d{4})[-/.\\ ](?P<month>\d\d?)", re.ASCII)
# What nearly every file holds, and pandas reads a column of at once.
_PLAIN = re.compile(
    r"(?:19|20|21)\d\d([-/])\d\d\1\d\d"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?",
    re.ASCII,
)


class TimeTextError(ValueError):
    """A text that is no time; data, told with its reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason  # bad_time, ambiguous_time or nonexistent_time
        self.detail = detail  # one sentence with the value


def time_us(text: str, zone: ZoneInfo) -> int:
    """Microseconds since 1970 UTC; text without an offset is in `zone`.

    Raises TimeTextError: bad_time, and ambiguous_time or nonexistent_time where the
    zone's clock shows this time twice or never.
    """
    stripped = text.strip()
    number = _number(stripped)
    return _iso_us(stripped, zone) if number is None else _epoch_us(number)


def times_us(texts: Sequence[str], zone: ZoneInfo) -> Ints:
    """What time_us says of each text; NOT_A_TIME where it raises."""
    result = np.full(len(texts), NOT_A_TIME)
    stripped = [text.strip() for text in texts]
    naive: list[int] = []
    aware: list[int] = []
    others: list[int] = []
    for at, text in enumerate(stripped):
        plain = _PLAIN.fullmatch(text)
        (others if plain is None else naive if plain[2] is None else aware).append(at)
    if naive:
        shown = _iso([stripped[at] for at in naive], utc=False)
        local = shown.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        result[naive] = _microseconds(local.tz_convert("UTC"))
    if aware:
        result[aware] = _microseconds(_iso([stripped[at] for at in aware], utc=True))
    numbers = [_number(stripped[at]) for at in others]
    epochs = [at for at, number in zip(others, numbers, strict=True) if number is not None]
    result[epochs] = _epochs_us([number for number in numbers if number is not None])
    for at, number in zip(others, numbers, strict=True):
        if number is None:
            result[at] = _iso_or_none(stripped[at], zone)
    return np.where((result >= FIRST_US) & (result < END_US), result, NOT_A_TIME)


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)  # float() knows "1_0", files do not
    except ValueError:
        return None


def _epoch_us(number: float) -> int:
    unit = next((unit for bound, unit in _UNITS if abs(number) < bound), np.nan)
    if number * unit >= FIRST_US and (microseconds := round(number * unit)) < END_US:
        return microseconds
    raise TimeTextError("bad_time", f"{number:.17g} is no epoch time between 2000 and 2100")


def _epochs_us(numbers: Sequence[float]) -> Ints:
    given = np.array(numbers, dtype="float64")
    scale = np.full(len(given), np.nan)
    for bound, unit in reversed(_UNITS):
        scale[np.abs(given) < bound] = unit
    times = given * scale
    is_time = (times >= FIRST_US) & (np.round(times) < END_US)
    return np.where(is_time, np.round(np.where(is_time, times, 0)).astype("int64"), NOT_A_TIME)


def _iso_us(text: str, zone: ZoneInfo) -> int:
    found = _TIME.fullmatch(text) or _MONTH.fullmatch(text)
    parts = found.groupdict() if found else {}
    try:
        naive = _clock_time(parts) if parts else None
        offset = _offset(parts) if parts.get("offset") else None
    except ValueError:
        naive = None
    if naive is None:
        raise TimeTextError("bad_time", f"{text[:60]!r} is neither an epoch time nor ISO text")
    if offset is not None or zone.key == "UTC":
        microseconds = to_us(naive.replace(tzinfo=UTC)) - (offset or 0)
    else:
        microseconds = to_us(_local(naive, zone))
    if not FIRST_US <= microseconds < END_US:
        raise TimeTextError("bad_time", f"{text[:60]!r} does not lie between 2000 and 2100")
    return microseconds


def _iso_or_none(text: str, zone: ZoneInfo) -> int:
    try:
        return _iso_us(text, zone)
    except TimeTextError:
        return int(NOT_A_TIME)


def _clock_time(parts: dict[str, str | None]) -> datetime:
    """What calendar and clock show; raises ValueError where there is no such day or time."""

    def part(*names: str, otherwise: int = 0) -> int:
        return next((int(text) for name in names if (text := parts.get(name))), otherwise)

    fraction = (parts.get("f") or parts.get("ff") or "")[:6].ljust(6, "0")
    shown = datetime(
        part("year"),
        part("month", "mm"),
        part("day", "dd", otherwise=1),
        part("h", "hh"),
        part("m", "mi"),
        part("s", "ss"),
        int(fraction),
        tzinfo=UTC,
    )
    return shown.replace(tzinfo=None)


def _offset(parts: dict[str, str | None]) -> int:
    """Microseconds east of UTC; raises ValueError beyond a day."""
    hours, minutes, seconds = (int(parts[name] or 0) for name in ("oh", "om", "os"))
    if hours > 23:
        raise ValueError(f"offset of {hours} hours")
    size = timedelta(hours=hours, minutes=minutes, seconds=seconds) // timedelta(microseconds=1)
    return -size if parts["sign"] == "-" else size


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    earlier, later = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier
    exists = earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment
    reason, word = ("ambiguous_time", "twice") if exists else ("nonexistent_time", "never")
    raise TimeTextError(
        reason, f"the clock of {zone.key} shows {moment.isoformat(sep=' ')} {word}; log UTC instead"
    )


def _iso(texts: Sequence[str], *, utc: bool) -> pd.DatetimeIndex:
    series = pd.Series([text.replace(",", ".") for text in texts], dtype=object)
    return pd.DatetimeIndex(pd.to_datetime(series, format="ISO8601", errors="coerce", utc=utc))


def _microseconds(times: pd.DatetimeIndex) -> Ints:
    values = np.asarray(times.as_unit("us").asi8, dtype="int64").copy()
    values[times.isna()] = NOT_A_TIME
    return values
