"""How two sources of candles agree."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.candles.reads import FEATURE_LOG, read_candles
from core.market import OHLCV
from core.settings import BotSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAgreement:
    """Two sources over their common span; formulas and units in docs/metrics.md.

    common: candles that both have. only_left, only_right: candles inside the
    common span that one side lacks. equal_ratio, largest_diff: per column, over
    the common candles; largest_at: where the largest difference of any price
    is. None: no common candle.
    """

    left: str
    right: str
    common: int
    only_left: int
    only_right: int
    equal_ratio: Mapping[str, float | None]
    largest_diff: Mapping[str, float | None]
    largest_at: datetime | None
    median_volume_ratio: float | None


def agreement_report(
    conn: sa.Connection,
    bot_id: int,
    bot: BotSettings,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> list[SourceAgreement]:
    """Every pair of the bot's sources, what the bot logged included, that have candles."""
    names = [*(source.name for source in bot.candles), FEATURE_LOG]
    frames = {name: read_candles(conn, bot_id, name, from_, until) for name in names}
    present = [name for name in names if not frames[name].empty]
    return [
        compare_sources(frames[left], frames[right], left=left, right=right)
        for left, right in itertools.combinations(present, 2)
    ]


def compare_sources(
    left_candles: pd.DataFrame, right_candles: pd.DataFrame, *, left: str, right: str
) -> SourceAgreement:
    """Compare candles (candle_open, open, high, low, close, volume; unique) of two sources."""
    both = left_candles.merge(
        right_candles, on="candle_open", suffixes=("_left", "_right"), validate="one_to_one"
    )
    numbers = [both[[f"{name}_{side}" for name in OHLCV]] for side in ("left", "right")]
    a, b = (frame.to_numpy(dtype="float64") for frame in numbers)
    diffs = np.abs(a - b)
    only_left, only_right = _only(left_candles, right_candles)
    return SourceAgreement(
        left=left,
        right=right,
        common=len(both),
        only_left=only_left,
        only_right=only_right,
        equal_ratio=_per_column((a == b).mean(axis=0) if len(both) else None),
        largest_diff=_per_column(diffs.max(axis=0) if len(both) else None),
        largest_at=_largest_at(both, diffs),
        median_volume_ratio=_median_ratio(a[:, 4], b[:, 4]),
    )


def _only(left: pd.DataFrame, right: pd.DataFrame) -> tuple[int, int]:
    """Candles that one side lacks between the later first and the earlier last candle."""
    if left.empty or right.empty:
        return 0, 0
    first = max(left["candle_open"].min(), right["candle_open"].min())
    last = min(left["candle_open"].max(), right["candle_open"].max())
    inside = [
        pd.DatetimeIndex(opens[(opens >= first) & (opens <= last)])
        for opens in (left["candle_open"], right["candle_open"])
    ]
    return len(inside[0].difference(inside[1])), len(inside[1].difference(inside[0]))


def _per_column(values: np.ndarray | None) -> dict[str, float | None]:
    if values is None:
        return dict.fromkeys(OHLCV)
    return dict(zip(OHLCV, values.tolist(), strict=True))


def _largest_at(both: pd.DataFrame, diffs: np.ndarray) -> datetime | None:
    """The candle with the largest price difference, None where prices are all equal."""
    prices = diffs[:, :4].max(axis=1) if len(both) else np.zeros(1)
    if not prices.max() > 0:
        return None
    moment: datetime = both["candle_open"].iloc[int(prices.argmax())].to_pydatetime()
    return moment


def _median_ratio(left: np.ndarray, right: np.ndarray) -> float | None:
    """Median of left ÷ right volume over candles where both traded."""
    traded = (left > 0) & (right > 0)
    return float(np.median(left[traded] / right[traded])) if traded.any() else None
