"""Is logging complete: expected against logged candles, gaps and the pattern in them.

Pure: candle opens in, figures out. The calendar is every candle of the timeframe
from the first logged one to the last; what closed after the last is silence.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from core.times import Timeframe, from_us, us_from_index

# Fewer equal distances than this between gaps are no pattern.
_MIN_REPEATS = 4
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """How complete a log is. None: cannot be known yet."""

    first_candle: datetime | None
    last_candle: datetime | None
    expected: int | None
    logged: int
    success_ratio: float | None
    silent_bars: int | None
    target_rows: int
    day_number: int | None
    target_days: int
    estimated_completion: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapPattern:
    """Gaps that begin at equal distances."""

    period: timedelta
    times: int
    first: datetime
    last: datetime
    missing: int

    def sentence(self) -> str:
        """E.g. "minutes 20 and 50 of every hour, 14 times"."""
        return f"{_described(self.period, self.first)}, {self.times} times"


def collection(
    logged: pd.DatetimeIndex,
    timeframe: Timeframe,
    *,
    now: datetime,
    target_days: int,
    until: datetime | None = None,
) -> Collection:
    """Figures of a log whose candle opens are `logged` (UTC, sorted, distinct).

    `until` (exclusive) ends the window that `logged` was read from: silence is
    counted up to it. Only closed candles are ever silent.
    """
    target_rows = round(target_days * timeframe.bars_per_day)
    if logged.empty:
        return Collection(
            first_candle=None, last_candle=None, expected=None, logged=0, success_ratio=None,
            silent_bars=None, target_rows=target_rows, day_number=None, target_days=target_days,
            estimated_completion=None,
        )  # fmt: skip
    first, last = logged[0].to_pydatetime(), logged[-1].to_pydatetime()
    expected = timeframe.count(first, last)
    silent = silent_bars(last, timeframe, now=now, until=until)
    return Collection(
        first_candle=first,
        last_candle=last,
        expected=expected,
        logged=len(logged),
        success_ratio=len(logged) / expected,
        silent_bars=silent,
        target_rows=target_rows,
        day_number=int((last - first) / _DAY) + 1,
        target_days=target_days,
        estimated_completion=estimated_completion(
            logged, timeframe, target_rows=target_rows, is_silent=silent >= 2
        ),
    )


def silent_bars(
    last: datetime, timeframe: Timeframe, *, now: datetime, until: datetime | None = None
) -> int:
    """Candles that closed after the last logged one, up to `now` and before `until`."""
    end = timeframe.last_closed(now)
    if until is not None:
        end = min(end, timeframe.floor(until - timedelta(microseconds=1)))
    return timeframe.count(last + timeframe.length, end)


def estimated_completion(
    logged: pd.DatetimeIndex, timeframe: Timeframe, *, target_rows: int, is_silent: bool
) -> datetime | None:
    """When the target's last row is closed: known once reached, else at the success ratio so far.

    None for a bot that is silent: nobody knows when it goes on.
    """
    if len(logged) >= target_rows:
        reached: datetime = logged[target_rows - 1].to_pydatetime()
        return reached + timeframe.length
    if is_silent:
        return None
    first, last = logged[0].to_pydatetime(), logged[-1].to_pydatetime()
    ratio = len(logged) / timeframe.count(first, last)
    bars = int(np.ceil((target_rows - len(logged)) / ratio))
    end: datetime = last + timeframe.length * (bars + 1)
    return end


def daily_counts(logged: pd.DatetimeIndex, timeframe: Timeframe) -> pd.DataFrame:
    """Per UTC day of candle_open: day, expected, logged, success_ratio; empty without rows.

    The first and the last day expect only what lies between the first and the last
    logged candle.
    """
    if logged.empty:
        return pd.DataFrame({"day": logged, "expected": [], "logged": [], "success_ratio": []})
    expected = timeframe.opens(logged[0], logged[-1])
    counts = pd.DataFrame(
        {
            "expected": expected.floor("D").value_counts(),
            "logged": logged.floor("D").value_counts(),
        }
    ).sort_index()
    counts = counts.fillna(0).astype("int64").rename_axis("day").reset_index()
    return counts.assign(success_ratio=counts["logged"] / counts["expected"])


def gaps(logged: pd.DatetimeIndex, timeframe: Timeframe) -> pd.DataFrame:
    """Missing candles as runs: from, until (first and last missing candle open), missing."""
    opened = us_from_index(logged)
    length = timeframe.length_us
    after = np.flatnonzero(np.diff(opened) > length)
    start = opened[after] + length
    end = opened[after + 1] - length
    return pd.DataFrame(
        {
            "from": [from_us(int(value)) for value in start],
            "until": [from_us(int(value)) for value in end],
            "missing": (end - start) // length + 1,
        }
    )


def gap_patterns(missing: pd.DataFrame) -> list[GapPattern]:
    """Gaps (as `gaps` returns them) that begin at equal distances, most frequent first.

    Runs of the same distance and phase are one pattern, so that a single candle
    logged in between does not hide it.
    """
    runs: dict[tuple[timedelta, timedelta], list[int]] = {}
    starts = [moment.to_pydatetime() for moment in pd.DatetimeIndex(missing["from"])]
    for run in _equal_distance_runs(starts):
        period = starts[run[1]] - starts[run[0]]
        phase = (starts[run[0]] - from_us(0)) % period
        runs.setdefault((period, phase), []).extend(run)
    patterns = [
        GapPattern(
            period=period,
            times=len(members),
            first=starts[members[0]],
            last=starts[members[-1]],
            missing=int(missing["missing"].iloc[members].sum()),
        )
        for (period, _), members in runs.items()
    ]
    return sorted(patterns, key=lambda pattern: (-pattern.times, pattern.first))


def logging_delays(
    candle_opens: pd.DatetimeIndex, logged_at: pd.Series, timeframe: Timeframe
) -> dict[str, float] | None:
    """Seconds from candle close to logging: median, p95, p99, max; None where never known."""
    closes = pd.Series(candle_opens + timeframe.length, index=logged_at.index)
    delays = (logged_at - closes).dt.total_seconds().dropna()
    if delays.empty:
        return None
    median, p95, p99 = delays.quantile([0.5, 0.95, 0.99])
    return {"median_s": median, "p95_s": p95, "p99_s": p99, "max_s": float(delays.max())}


def _equal_distance_runs(starts: list[datetime]) -> list[list[int]]:
    """Index runs of at least _MIN_REPEATS neighbours at one distance."""
    runs: list[list[int]] = []
    run: list[int] = []
    distance: timedelta | None = None
    for position, (earlier, later) in enumerate(pairwise(starts)):
        if later - earlier != distance:
            runs.append(run)
            run, distance = [position], later - earlier
        run.append(position + 1)
    runs.append(run)
    return [run for run in runs if len(run) >= _MIN_REPEATS]


def _described(period: timedelta, first: datetime) -> str:
    if period == _DAY:
        return f"{first:%H:%M} UTC of every day"
    if period <= _HOUR and _HOUR % period == timedelta(0):
        step = int(period.total_seconds() // 60)
        minutes = range(first.minute % step, 60, step) if step else ()
        if step and len(minutes) <= 4:
            return f"{_listed([str(minute) for minute in minutes])} of every hour"
    return f"every {_duration(period)} from {first:%H:%M} UTC"


def _listed(minutes: list[str]) -> str:
    if len(minutes) == 1:
        return f"minute {minutes[0]}"
    return f"minutes {', '.join(minutes[:-1])} and {minutes[-1]}"


def _duration(period: timedelta) -> str:
    seconds = int(period.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
