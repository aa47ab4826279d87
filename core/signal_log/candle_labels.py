"""Labels of a text log → candle opens, as the configured zone says.

A label without a date is the latest such time whose candle had closed when the line was
logged. Nothing is moved because it looks wrong: a wrong zone is for the diagnosis to find.
"""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.time_text import NOT_A_TIME, TimeTextError, time_us, times_us
from core.times import Timeframe, from_us

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,]0+)?)?")
_DAYS_BACK = 3  # a time of day that a clock change skips comes again within this


def parse_moment(text: str, zone: str) -> datetime | None:
    """The UTC time that a text names, as core.time_text reads it; None where it names none."""
    try:
        return from_us(time_us(text, ZoneInfo(zone)))
    except TimeTextError:
        return None


def parse_moments(texts: list[str], zone: str) -> list[datetime | None]:
    """What parse_moment says of each text."""
    times = times_us(texts, ZoneInfo(zone)).tolist()
    return [None if us == NOT_A_TIME else from_us(us) for us in times]


def candle_open_of(
    label: str, zone: str, logged_at: datetime | None, timeframe: Timeframe
) -> datetime:
    """The candle open (UTC) that a label names; raises ValueError when it names none."""
    clock = _CLOCK.fullmatch(label.strip())
    if clock is None:
        moment = parse_moment(label, zone)
        if moment is None:
            raise ValueError(f'label "{label}" is no time')
    elif logged_at is None:
        raise ValueError(f'label "{label}" has no date, and no time of logging tells it')
    else:
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        moment = _latest_closed(time(hours, minutes, seconds), ZoneInfo(zone), logged_at, timeframe)
    if not timeframe.is_on_grid(moment):
        raise ValueError(f"label {label} is no candle open of {timeframe.text}")
    return moment


def _latest_closed(
    clock: time, zone: ZoneInfo, logged_at: datetime, timeframe: Timeframe
) -> datetime:
    today = logged_at.astimezone(zone).date()
    candidates = []
    for days in range(-1, _DAYS_BACK + 1):
        for fold in (0, 1):
            local = datetime.combine(today - timedelta(days=days), clock, tzinfo=zone)
            moment = local.replace(fold=fold).astimezone(UTC)
            is_real = moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            if is_real and moment + timeframe.length <= logged_at:
                candidates.append(moment)
    return max(candidates)
