"""Text → time, by one grammar for every file that Align reads.

A number is an epoch in seconds, ms, µs or ns, told by its size; anything else is ISO text and
its usual relatives: the date with - / . \\ or a space between its parts or (before a time)
without any, then T, a space, _ or -, the time of day, a fraction of the second after a point or
a comma, and an offset. A date alone is midnight, a month alone its first day. Some programs write
year 1 for "none": what does not lie between 2000 and 2100 is no time.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.arrays import Floats, Ints
from core.number_text import all_numbers, number
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
_FRACTION = r"(?:[.,]\d{1,9})?"
_PLAIN_OFFSET = r"(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?"
_HOUR = r"[T ](?:[01]\d|2[0-3])"  # Python may read 24:00 as the next day's midnight
_PLAIN = re.compile(
    r"(?:19|20|21)\d\d(?:([-/])\d\d\1\d\d"
    rf"(?:{_HOUR}:\d\d(?::\d\d{_FRACTION})?{_PLAIN_OFFSET})?"
    rf"|\d{{4}}{_HOUR}\d\d(?:\d\d{_FRACTION})?{_PLAIN_OFFSET})",
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
    try:
        epoch = number(stripped)
    except ValueError:
        return _iso_us(stripped, zone)
    return _epoch_us(epoch)


def times_us(texts: Sequence[str], zone: ZoneInfo) -> Ints:
    """What time_us says of each text; NOT_A_TIME where it raises."""
    epochs = all_numbers(texts)
    if epochs is not None:
        return _epochs_us(epochs)
    result = np.full(len(texts), NOT_A_TIME)
    stripped = [text.strip() for text in texts]
    naive: list[int] = []
    aware: list[int] = []
    others: list[int] = []
    for at, text in enumerate(stripped):
        plain = _PLAIN.fullmatch(text)
        (others if plain is None else aware if plain[2] or plain[3] else naive).append(at)
    if naive:
        shown = _iso([stripped[at] for at in naive], utc=False)
        local = shown.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        result[naive] = _microseconds(local.tz_convert("UTC"))
    if aware:
        result[aware] = _microseconds(_iso([stripped[at] for at in aware], utc=True))
    for at in others:
        result[at] = _us_or_none(stripped[at], zone)
    return np.where((result >= FIRST_US) & (result < END_US), result, NOT_A_TIME)


def _epoch_us(epoch: float) -> int:
    for bound, unit in _UNITS:
        if abs(epoch) < bound:
            microseconds = round(epoch * unit)
            if FIRST_US <= microseconds < END_US:
                return microseconds
            break
    raise TimeTextError("bad_time", f"{epoch:.17g} is no epoch time between 2000 and 2100")


def _epochs_us(epochs: Floats) -> Ints:
    scale = np.full(len(epochs), np.nan)
    for bound, unit in reversed(_UNITS):
        scale[np.abs(epochs) < bound] = unit
    times = np.round(epochs * scale)
    is_time = (times >= FIRST_US) & (times < END_US)
    return np.where(is_time, np.where(is_time, times, 0).astype("int64"), NOT_A_TIME)


def _iso_us(text: str, zone: ZoneInfo) -> int:
    moment = _moment(text)
    if moment is None:
        raise TimeTextError("bad_time", f"{text[:60]!r} is neither an epoch time nor ISO text")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC) if zone.key == "UTC" else _local(moment, zone)
    microseconds = to_us(moment)
    if not FIRST_US <= microseconds < END_US:
        raise TimeTextError("bad_time", f"{text[:60]!r} does not lie between 2000 and 2100")
    return microseconds


def _us_or_none(text: str, zone: ZoneInfo) -> int:
    try:
        return time_us(text, zone)
    except TimeTextError:
        return int(NOT_A_TIME)


def _moment(text: str) -> datetime | None:
    """What calendar and clock show, aware where the text has an offset; None: no such time."""
    try:
        if _PLAIN.fullmatch(text):
            return datetime.fromisoformat(text.replace("/", "-"))
        match = _TIME.fullmatch(text) or _MONTH.fullmatch(text)
        return _from_parts(match.groupdict()) if match else None
    except ValueError:
        return None


def _from_parts(parts: dict[str, str | None]) -> datetime:
    """The time of a match; raises ValueError where there is no such day, time or offset."""

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
    if not parts.get("offset"):
        return shown.replace(tzinfo=None)
    east = timedelta(hours=part("oh"), minutes=part("om"), seconds=part("os"))
    return shown.replace(tzinfo=timezone(-east if parts["sign"] == "-" else east))


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
