"""Candle frames and files whose content a test knows."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

FIRST = pd.Timestamp("2025-11-03T00:00:00Z")


def make_candles(bars: int = 6, first: pd.Timestamp = FIRST, minutes: int = 5) -> pd.DataFrame:
    """Candle i opens at 100 + i and has volume 10 + i; high +1, low −1, close +0.5."""
    opens = pd.date_range(first, periods=bars, freq=pd.Timedelta(minutes=minutes), unit="us")
    price = [100.0 + i for i in range(bars)]
    return pd.DataFrame(
        {
            "candle_open": opens,
            "open": price,
            "high": [value + 1 for value in price],
            "low": [value - 1 for value in price],
            "close": [value + 0.5 for value in price],
            "volume": [10.0 + i for i in range(bars)],
        }
    )


def write_csv(path: Path, candles: pd.DataFrame, columns: Sequence[str] | None = None) -> Path:
    """The candles as a bot's pull writes them: naive UTC text times."""
    frame = candles.assign(timestamp=candles["candle_open"].dt.strftime("%Y-%m-%d %H:%M:%S")).drop(
        columns="candle_open"
    )
    frame[list(columns or ("timestamp", "open", "high", "low", "close", "volume"))].to_csv(
        path, index=False
    )
    return path
