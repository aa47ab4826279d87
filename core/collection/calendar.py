"""The log as a calendar: every candle of every UTC day, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.collection.completeness import (
    Collection,
    GapPattern,
    collection,
    daily_counts,
    gap_patterns,
    gaps,
    logging_delays,
)
from core.times import DAY_US, Timeframe, index_from_us, us_from_index

# A row written later after its candle's close than this part of a candle is late: the
# bot had that much less time to act on it.
LATE_RATIO = 0.2
_DELAY_BINS = 40


class Slot(IntEnum):
    """What became of one candle."""

    OUTSIDE = 0  # before the first or after the last logged candle
    LOGGED = 1
    LATE = 2
    RECOVERED = 3
    QUARANTINED = 4
    MISSING = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """One row a UTC day, one column a candle of the day, a number of `Slot` in each cell."""

    days: pd.DatetimeIndex
    slots: npt.NDArray[np.int8]
    slot_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutSpan:
    """A run of rows of one layout: which, from which candle to which, how many."""

    layout_id: int
    first: datetime
    last: datetime
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How complete a window of the feature log is: its figures and its gaps."""

    figures: Collection
    gaps: pd.DataFrame
    patterns: list[GapPattern]

    @property
    def missing(self) -> int:
        return (self.figures.expected or 0) - self.figures.logged


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionOverview(Completeness):
    """Everything that is shown of a window of the feature log.

    `counts`: candles by Slot. `delays`: median_s, p95_s, p99_s, max_s from candle close
    to logging, None where never known. `delay_bins`: lower_s, upper_s, count (the last
    bin holds everything slower).
    """

    days: pd.DataFrame
    calendar: Calendar
    counts: dict[Slot, int]
    delays: dict[str, float] | None
    delay_bins: pd.DataFrame
    layouts: tuple[LayoutSpan, ...]


def completeness(
    opens: pd.DatetimeIndex, timeframe: Timeframe, *, now: datetime, target_days: int
) -> Completeness:
    """Figures and gaps of logged candle opens (UTC, sorted, distinct)."""
    missing = gaps(opens, timeframe)
    return Completeness(
        figures=collection(opens, timeframe, now=now, target_days=target_days),
        gaps=missing,
        patterns=gap_patterns(missing),
    )


def summarise_collection(
    rows: pd.DataFrame,
    quarantined: pd.DatetimeIndex,
    timeframe: Timeframe,
    *,
    now: datetime,
    target_days: int,
) -> CollectionOverview:
    """Sum up logged rows: candle_open, logged_at (NaT where unknown), is_recovered, layout_id.

    `rows` is sorted and has at least one row; `quarantined` are candle opens of lines
    in quarantine, as far as they could be read.
    """
    opens = pd.DatetimeIndex(rows["candle_open"])
    whole = completeness(opens, timeframe, now=now, target_days=target_days)
    delay_s = _delay_s(rows, timeframe)
    calendar = _calendar(rows, quarantined, timeframe, delay_s)
    numbers, counts = np.unique(calendar.slots, return_counts=True)
    return CollectionOverview(
        figures=whole.figures,
        gaps=whole.gaps,
        patterns=whole.patterns,
        days=daily_counts(opens, timeframe),
        calendar=calendar,
        counts={Slot(n): int(c) for n, c in zip(numbers, counts, strict=True) if n},
        delays=logging_delays(opens, rows["logged_at"], timeframe),
        delay_bins=delay_histogram(delay_s),
        layouts=layout_spans(rows),
    )


def layout_spans(rows: pd.DataFrame) -> tuple[LayoutSpan, ...]:
    """The runs of equal layout, in order of candle open."""
    layout = rows["layout_id"].to_numpy()
    if not len(layout):
        return ()
    starts = np.flatnonzero(np.r_[True, layout[1:] != layout[:-1]])
    ends = np.r_[starts[1:], len(layout)]
    opens = rows["candle_open"]
    return tuple(
        LayoutSpan(
            layout_id=int(layout[start]),
            first=opens.iloc[start].to_pydatetime(),
            last=opens.iloc[end - 1].to_pydatetime(),
            rows=int(end - start),
        )
        for start, end in zip(starts, ends, strict=True)
    )


def delay_histogram(delay_s: npt.NDArray[np.float64]) -> pd.DataFrame:
    """Delays in even bins up to their 99.5th percentile, the rest in one last bin."""
    known = delay_s[~np.isnan(delay_s)]
    if not len(known):
        return pd.DataFrame({"lower_s": [], "upper_s": [], "count": []})
    top = max(float(np.quantile(known, 0.995)), 1.0)
    edges = np.linspace(min(0.0, float(known.min())), top, _DELAY_BINS + 1)
    counts, _ = np.histogram(np.minimum(known, top), bins=edges)
    upper = edges[1:].copy()
    upper[-1] = max(top, float(known.max()))
    return pd.DataFrame({"lower_s": edges[:-1], "upper_s": upper, "count": counts})


def _delay_s(rows: pd.DataFrame, timeframe: Timeframe) -> npt.NDArray[np.float64]:
    """Seconds from candle close to logging; NaN where it is not known when a row was logged."""
    closed = us_from_index(rows["candle_open"]) + timeframe.length_us
    delay = (us_from_index(rows["logged_at"]) - closed) / 1e6
    return np.where(rows["logged_at"].isna().to_numpy(), np.nan, delay)


def _calendar(
    rows: pd.DataFrame,
    quarantined: pd.DatetimeIndex,
    timeframe: Timeframe,
    delay_s: npt.NDArray[np.float64],
) -> Calendar:
    length = timeframe.length_us
    per_day = max(1, DAY_US // length)
    opened = us_from_index(rows["candle_open"])
    first_day = opened[0] // DAY_US
    day_count = int(opened[-1] // DAY_US - first_day) + 1

    def position(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.asarray((times - first_day * DAY_US) * per_day // DAY_US)

    cells = np.full(day_count * per_day, Slot.OUTSIDE, dtype="int8")
    at = position(opened)
    cells[at[0] : at[-1] + 1] = Slot.MISSING
    waiting = us_from_index(quarantined)
    waiting = waiting[(waiting >= opened[0]) & (waiting <= opened[-1])]
    cells[position(waiting)] = Slot.QUARANTINED
    is_late = np.nan_to_num(delay_s, nan=0.0) > LATE_RATIO * timeframe.length_s
    state = np.where(is_late, Slot.LATE, Slot.LOGGED)
    cells[at] = np.where(rows["is_recovered"].to_numpy(dtype=bool), Slot.RECOVERED, state)
    days = index_from_us((first_day + np.arange(day_count)) * DAY_US)
    return Calendar(days=days, slots=cells.reshape(day_count, per_day), slot_minutes=1440 / per_day)
