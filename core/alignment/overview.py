"""A window of pairs seen from afar: distributions, density, course over time.

Every function takes pairs as day_block.unpack_pairs gives them and returns small
frames that charts draw as they are. Days, hours and weekdays are UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.alignment.metrics import figure, pair_metrics
from core.alignment.pairs import REPLAY_FLOOR
from core.bundle.deployments import DeploymentSpan
from core.market import Side
from core.times import DAY_US, Timeframe, from_us, us_from_index

_HOUR_US = 3_600_000_000
_MAX_BINS = 120
_FINE = (20, 10, 5, 4, 2, 1)
_MAX_BUCKETS = 200
_BUCKETS = tuple(
    timedelta(minutes=minutes) for minutes in (30, 60, 120, 240, 480, 720, 1440, 2880, 10080)
)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Density:
    """How often each production value met each backtest value.

    `edges`: bounds of the bins of both axes (probability); `counts[i, j]`: pairs with
    backtest in bin i and production in bin j.
    """

    side: Side
    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOverview:
    """A window of pairs, summed up; `tolerance` is the one to draw.

    `metrics`: as core.alignment.metrics.pair_metrics by side. `spans` is None where no
    deployment is configured. `misaligned_candles` counts candles, not sides;
    `aligned_ratios` are aligned ÷ all pairs by side.
    """

    tolerance: float
    metrics: pd.DataFrame
    aligned_ratios: dict[Side, float]
    signed: pd.DataFrame
    absolute: pd.DataFrame
    densities: tuple[Density, ...]
    course: pd.DataFrame
    hours: pd.DataFrame
    weekdays: pd.DataFrame
    spans: pd.DataFrame | None
    candles: int
    misaligned_candles: int
    first: pd.Timestamp
    last: pd.Timestamp

    @property
    def worst(self) -> tuple[Side, pd.Series]:
        """The side with the largest difference, and its metrics."""
        side = Side(str(self.metrics["max_abs_diff"].idxmax()))
        return side, self.metrics.T[side]

    @property
    def misaligned_ratio(self) -> float:
        return self.misaligned_candles / self.candles


@dataclass(frozen=True, slots=True)
class NamedSpan:
    """A stretch of candles, from its first candle open to the next one's."""

    start: datetime
    name: str


def deployment_stretches(
    deployments: Sequence[DeploymentSpan], timeframe: Timeframe
) -> tuple[NamedSpan, ...]:
    """The stretches of candles that the deployments cut time into, gaps between them too."""
    stretches: list[NamedSpan] = []
    for place, span in enumerate(deployments):
        live = span.opens(timeframe.length_us)
        name = f"{span.bundle_path.name} from {span.since:%Y-%m-%d}"
        stretches.append(NamedSpan(from_us(live.since), name))
        following = deployments[place + 1 : place + 2]
        if span.until and not any(next_.since == span.until for next_ in following):
            stretches.append(NamedSpan(from_us(live.until), f"nothing from {span.until:%Y-%m-%d}"))
    return tuple(stretches)


def summarise(
    pairs: pd.DataFrame, tolerance: float | None, stretches: Sequence[NamedSpan] = ()
) -> PairOverview:
    """Everything that is shown of a window of pairs (at least one)."""
    shown = shown_tolerance(tolerance, pairs)
    starts = pd.DatetimeIndex([stretch.start for stretch in stretches])
    names = tuple(stretch.name for stretch in stretches)
    return PairOverview(
        tolerance=shown,
        metrics=pair_metrics(pairs),
        aligned_ratios=_aligned_ratios(pairs),
        signed=signed_histogram(pairs, shown),
        absolute=absolute_histogram(pairs, shown),
        densities=densities(pairs),
        course=course(pairs),
        hours=by_hour(pairs),
        weekdays=by_weekday(pairs),
        spans=by_span(pairs, starts, names) if stretches else None,
        candles=pairs["candle_open"].nunique(),
        misaligned_candles=pairs.loc[~pairs["is_aligned"], "candle_open"].nunique(),
        first=pairs["candle_open"].min(),
        last=pairs["candle_open"].max(),
    )


def _aligned_ratios(pairs: pd.DataFrame) -> dict[Side, float]:
    by_side = pairs.groupby("side", observed=True)["is_aligned"]
    return {Side(str(side)): int(aligned.sum()) / len(aligned) for side, aligned in by_side}


def signed_histogram(pairs: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Counts of diffs by side: side, lower, upper, count, is_beyond (the tolerance).

    One row a bin and judgement; empty ones are left out.
    """
    return _histogram(pairs, pairs["diff"], bin_width(pairs["abs_diff"], tolerance))


def absolute_histogram(pairs: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Counts of absolute diffs by side, columns as in signed_histogram."""
    return _histogram(pairs, pairs["abs_diff"], bin_width(pairs["abs_diff"], tolerance))


def bin_width(sizes: pd.Series, tolerance: float) -> float:
    """The finest even part of the tolerance that covers the largest diff in 120 bins."""
    largest = float(sizes.max()) if len(sizes) else 0.0
    base = tolerance if tolerance > 0 else 0.1
    for parts in _FINE:
        if 2 * largest / (base / parts) <= _MAX_BINS:
            return base / parts
    return float(base * np.ceil(2 * largest / (base * _MAX_BINS)))


def shown_tolerance(tolerance: float | None, pairs: pd.DataFrame) -> float:
    """The tolerance to draw; where every pair has its own, the largest diff still aligned."""
    if tolerance is not None:
        return tolerance
    aligned = pairs.loc[pairs["is_aligned"], "abs_diff"]
    return max(REPLAY_FLOOR, float(aligned.max()) if len(aligned) else 0.0)


def densities(pairs: pd.DataFrame, *, bins: int = 50) -> tuple[Density, ...]:
    """Production against backtest, one density a side, in equal bins from 0 to 1."""
    edges = np.linspace(0, 1, bins + 1)
    made = []
    for side, rows in pairs.groupby("side", observed=True):
        counts, _, _ = np.histogram2d(rows["backtest"], rows["production"], bins=(edges, edges))
        made.append(Density(Side(str(side)), edges, counts.astype("int64")))
    return tuple(made)


def course(pairs: pd.DataFrame) -> pd.DataFrame:
    """The diff over time: side, start, mean_abs_diff, p95_abs_diff, max_abs_diff,
    share_above_tolerance, pairs; in at most 200 buckets of one length.
    """
    if pairs.empty:
        return pd.DataFrame(columns=["side", "start", *_COURSE])
    length = bucket_length(pairs["candle_open"])
    start = pairs["candle_open"].dt.floor(length)
    return _grouped(pairs, start.rename("start"))


def bucket_length(times: pd.Series) -> timedelta:
    """The shortest bucket that cuts the span of these times into at most 200."""
    span = (times.max() - times.min()).to_pytimedelta()
    for length in _BUCKETS:
        if span / length <= _MAX_BUCKETS:
            return length
    return _BUCKETS[-1]


def by_hour(pairs: pd.DataFrame) -> pd.DataFrame:
    """The diff by UTC hour of candle open: side, hour (0..23) and the columns of course."""
    hour = us_from_index(pairs["candle_open"]) % DAY_US // _HOUR_US
    return _grouped(pairs, pd.Series(hour, index=pairs.index, name="hour"))


def by_weekday(pairs: pd.DataFrame) -> pd.DataFrame:
    """The diff by UTC weekday: side, weekday (0 = Monday) and the columns of course."""
    # 1970-01-01 was a Thursday.
    weekday = (us_from_index(pairs["candle_open"]) // DAY_US + 3) % 7
    return _grouped(pairs, pd.Series(weekday, index=pairs.index, name="weekday"))


def by_span(pairs: pd.DataFrame, starts: pd.DatetimeIndex, names: tuple[str, ...]) -> pd.DataFrame:
    """The diff by deployment: side, span (its name) and the columns of course.

    `starts` are the sorted first candle opens of the spans called `names`; earlier
    pairs belong to "before the first".
    """
    position = starts.searchsorted(pd.DatetimeIndex(pairs["candle_open"]), side="right")
    labels = np.asarray(("before the first", *names), dtype=object)[position]
    return _grouped(pairs, pd.Series(labels, index=pairs.index, name="span"))


_COURSE = (
    "mean_abs_diff",
    "p95_abs_diff",
    "max_abs_diff",
    "share_above_tolerance",
    "pairs",
)


def _grouped(pairs: pd.DataFrame, key: pd.Series) -> pd.DataFrame:
    groups = pairs[["abs_diff", "is_aligned"]].groupby([pairs["side"], key], observed=True)
    rows = [(*group, *(figure(name, members) for name in _COURSE)) for group, members in groups]
    summary = pd.DataFrame(rows, columns=["side", str(key.name), *_COURSE])
    return summary.astype({"side": "str"})


def _histogram(pairs: pd.DataFrame, values: pd.Series, width: float) -> pd.DataFrame:
    numbers = np.floor(values.to_numpy(dtype="float64") / width + 1e-9).astype("int64")
    sides = pd.Categorical(pairs["side"])
    low, reach = int(numbers.min(initial=0)), int(np.ptp(np.append(numbers, 0))) + 1
    # One number a side, bin and judgement, in this order: counting them takes no sorting.
    keys = 2 * (sides.codes.astype("int64") * reach + numbers - low)
    keys += ~pairs["is_aligned"].to_numpy(dtype=bool)
    counts = np.bincount(keys)
    filled = np.flatnonzero(counts)
    side, place = np.divmod(filled // 2, reach)
    lower = (place + low) * width
    return pd.DataFrame(
        {
            "side": pd.Series(np.asarray(sides.categories, dtype=object)[side], dtype="str"),
            "lower": lower,
            "upper": (place + low + 1) * width,
            "count": counts[filled],
            "is_beyond": filled % 2 == 1,
        }
    )
