"""What a seeded bot looks like: its candles, its gaps, and where both sides differ."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd

from core.times import Timeframe

FRAME = Timeframe.parse("5m")
NOW = datetime(2025, 11, 6, 23, 56, 30, tzinfo=UTC)  # 90 s after the last candle closed
BACKTEST = "recomputed-600"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the seeded bot looks like."""

    bot: str = "btc-5m"
    days: float = 3
    now: datetime = NOW
    features: int = 12
    comparisons: tuple[str, ...] = ("replay", BACKTEST, "recomputed-300")
    gaps: tuple[int, ...] = (30, 60, 90, 91)  # positions of candles that are not logged
    flagged: tuple[int, ...] = (200, 450)  # positions where the backtest is far off
    quarantined: tuple[str, ...] = ("no_layout", "conflict")
    raw_line: str = "1762128900000,abc,<script>alert(1)</script>"
    file: str = "features_2025-11-03.csv"
    feature_prefix: str = "feature"
    findings: tuple[str, ...] = ("lookback",)
    candles: int = field(default=0)  # 0: as many as `days` says
    scope: tuple[int, int] | None = None  # first and last position that the finding speaks of
    recomputed_every: int = 1  # the backtest covers each n-th candle so far, the rest waits

    @property
    def opens(self) -> pd.DatetimeIndex:
        last = FRAME.last_closed(self.now)
        count = self.candles or round(self.days * FRAME.bars_per_day)
        return FRAME.opens(last - (count - 1) * FRAME.length, last)
