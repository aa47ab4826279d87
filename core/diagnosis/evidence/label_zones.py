"""Zones that would explain why labels name another candle."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# Where exchanges and the people who run bots are; labels of another zone get no name.
_ZONES = (
    "UTC",
    "Asia/Seoul",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Kolkata",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Australia/Sydney",
)


def zone_of_shift(configured: str | None, moment: datetime, shift: timedelta) -> str | None:
    """The zone that labels of a log read as `configured` are really in, None where none is.

    `shift` leads from the label as read to the true time, at this moment (UTC).
    """
    if configured is None:
        return None
    claimed = moment.astimezone(ZoneInfo(configured)).utcoffset() or timedelta(0)
    for name in _ZONES:
        offset = moment.astimezone(ZoneInfo(name)).utcoffset() or timedelta(0)
        if claimed - offset == shift:
            return name
    return None
