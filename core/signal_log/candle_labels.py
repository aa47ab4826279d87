"""Labels of a text log → candle opens, as the configured zone says.

A label without a date is the latest such time whose candle had closed when the line was
logged. Nothing is moved because it looks wrong: a wrong zone is for the diagnosis to find.
"""

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.time_text import NOT_A_TIME, TimeTextError, time_us, times_us
from core.times import DAY_US, Timeframe, from_us, to_us

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,]0+)?)?")
_HOUR_US = 3_600_000_000
_DAYS_BACK = 3  # a time of day that a clock change skips comes again within this


def moment_us(text: str, zone: str) -> int | None:
    """The time (stored µs) that a text names, as core.time_text reads it; None: it names none."""
    try:
        return time_us(text, ZoneInfo(zone))
    except TimeTextError:
        return None


def moments_us(texts: list[str], zone: str) -> list[int | None]:
    """What moment_us says of each text."""
    times = times_us(texts, ZoneInfo(zone)).tolist()
    return [None if us == NOT_A_TIME else us for us in times]


def label_open_us(label: str, zone: str, logged_at: int | None, timeframe: Timeframe) -> int:
    """The candle open that a label names; raises ValueError when it names none.

    It and the time of logging are stored µs.
    """
    clock_us = _clock_us(label)
    if clock_us is None:
        opened = moment_us(label, zone)
        if opened is None:
            raise ValueError(f'label "{label}" is no time')
    elif logged_at is None:
        raise ValueError(f'label "{label}" has no date, and no time of logging tells it')
    else:
        opened = _latest_closed_us(clock_us, zone, logged_at - timeframe.length_us)
    if opened % timeframe.length_us:
        raise ValueError(f"label {label} is no candle open of {timeframe.text}")
    return opened


@lru_cache(maxsize=4096)
def _clock_us(label: str) -> int | None:
    """The time of day (µs since midnight) of a label that is nothing else."""
    clock = _CLOCK.fullmatch(label.strip())
    if clock is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in clock.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000


def _latest_closed_us(clock_us: int, zone: str, until_us: int) -> int:
    """The latest moment (µs) not after `until_us` at which the zone's clock shows `clock_us`."""
    offset_us = _steady_offset_us(zone, until_us // DAY_US)
    if offset_us is None:
        return _latest_shown_us(clock_us, ZoneInfo(zone), from_us(until_us))
    return until_us - (until_us + offset_us - clock_us) % DAY_US


@lru_cache(maxsize=4096)
def _steady_offset_us(zone: str, day: int) -> int | None:
    """The zone's offset (µs) where it is the same all through this UTC day and its neighbours."""
    hours = (from_us((day * 24 + hour) * _HOUR_US) for hour in range(-24, 49))
    offsets = {moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in hours}
    (offset,) = offsets if len(offsets) == 1 else (None,)
    return None if offset is None else offset // timedelta(microseconds=1)


def _latest_shown_us(clock_us: int, zone: ZoneInfo, until: datetime) -> int:
    """The same where clocks change: a time of day may be shown twice, or on no clock at all."""
    minutes, seconds = divmod(clock_us // 1_000_000, 60)
    clock = time(minutes // 60, minutes % 60, seconds)
    today = until.astimezone(zone).date()
    candidates = []
    for days in range(-1, _DAYS_BACK + 1):
        for fold in (0, 1):
            local = datetime.combine(today - timedelta(days=days), clock, tzinfo=zone)
            moment = local.replace(fold=fold).astimezone(UTC)
            is_real = moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            if is_real and moment <= until:
                candidates.append(moment)
    return to_us(max(candidates))
