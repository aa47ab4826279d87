"""A bot's files for as long a time as wanted: a random walk, its reference features, its log.

No row repeats: every number comes from the walk, so that sizes and rates are those of a bot. The
log's features are those of the backtest's window, so both sides agree and nothing is diagnosed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.arrays import Floats
from core.market import OHLCV
from core.times import Timeframe
from demo.bot_files import write_bundles
from demo.models import TrainedBundle, train_bundle
from demo.plan import to_toml
from reference_pipeline.pipeline import FEATURES, compute, compute_windows

FIVE = Timeframe.parse("5m")
DAY_ROWS, YEAR_ROWS = 288, 105_120
LOOKBACK_BARS = 600
WIDE_FEATURES = 187  # with times, prices and time texts 196 columns, as a real log has them
END = datetime(2026, 6, 1, tzinfo=UTC)  # the first candle open that is not simulated
_SAME_BACKTEST = {"pipeline": "reference", "lookback_bars": LOOKBACK_BARS}
_SIGNALS = ("long", "short", "price")
_TRAINED_ON = 4_000


def make_candles(count: int, seed: int = 7) -> pd.DataFrame:
    """candle_open (UTC), open, high, low, close, volume: a seeded walk that ends at END."""
    random = np.random.default_rng(seed)
    close = 100_000 * np.exp(np.cumsum(random.normal(0, 0.001, count)))
    opened = np.concatenate([close[:1], close[:-1]])
    prices = {
        "open": opened,
        "high": np.maximum(opened, close) + random.exponential(40, count),
        "low": np.minimum(opened, close) - random.exponential(40, count),
        "close": close,
    }
    frame = pd.DataFrame({name: values.round(1) for name, values in prices.items()})
    opens = FIVE.opens(END - count * FIVE.length, END - FIVE.length)
    return frame.assign(volume=random.gamma(2, 10, count).round(4), candle_open=opens)


@dataclass(frozen=True)
class FeatureLog:
    """Rows that a bot logs: candle opens, and beside each prices and features as numbers."""

    names: tuple[str, ...]
    opens: tuple[datetime, ...]
    numbers: Floats  # open, high, low, close, volume, then the features

    @classmethod
    def of(cls, candles: pd.DataFrame, names: Sequence[str], matrix: Floats) -> "FeatureLog":
        """The newest candles, as many as the matrix (candles × names) has rows."""
        logged = candles.iloc[-len(matrix) :]
        opens = tuple(logged["candle_open"].dt.to_pydatetime())
        return cls(tuple(names), opens, np.hstack([logged[list(OHLCV)].to_numpy(), matrix]))

    @property
    def header(self) -> str:
        columns = ("time", *OHLCV, "timestamp", *self.names, "logged_at_utc", "logged_at_kst")
        return ",".join(columns) + "\n"

    def line(self, row: int) -> str:
        """A row as Python prints its numbers; a whole one without its `.0`."""
        opened = self.opens[row]
        logged = opened + FIVE.length + timedelta(seconds=7)
        text = f"{opened:%Y-%m-%d %H:%M:%S}"
        numbers = self.numbers[row].tolist()
        prices, features = _spelled(numbers[: len(OHLCV)]), _spelled(numbers[len(OHLCV) :])
        ms = round(opened.timestamp()) * 1000
        return f"{ms},{prices}{text},{features}{logged:%Y-%m-%d %H:%M:%S},{text}\n"


def _spelled(numbers: Sequence[float]) -> str:
    return (",".join(map(repr, numbers)) + ",").replace(".0,", ",")


def wide_log(rows: int) -> FeatureLog:
    """196 columns, as a real log has them: the reference features of two markets."""
    markets = [make_candles(rows + LOOKBACK_BARS, seed) for seed in (7, 8)]
    both = np.hstack([compute(candles).to_numpy() for candles in markets])
    names = [*FEATURES, *(f"other_{name}" for name in FEATURES)][:WIDE_FEATURES]
    return FeatureLog.of(markets[0], names, both[-rows:, :WIDE_FEATURES])


class SimulatedBot:
    """One bot with a folder of its own: logs by day, candles by month, signals in the log.

    The last `ahead` rows are held back; `go_on` logs the next of them and its candle. Its
    backtest is the reference pipeline with the bot's lookback, unless `backtest` says otherwise.
    """

    def __init__(
        self,
        folder: Path,
        number: int,
        rows: int,
        ahead: int,
        backtest: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = f"bot-{number}"
        self._folder = folder / self.name
        self._backtest = {"name": "window", **(backtest or _SAME_BACKTEST)}
        candles = make_candles(rows + ahead + LOOKBACK_BARS - 1, seed=100 + number)
        ends = np.arange(LOOKBACK_BARS - 1, len(candles))
        matrix = compute_windows(candles, ends, LOOKBACK_BARS)
        signals = [_scores(matrix, side) for side in range(2)]
        closes = candles["close"].to_numpy()[ends]
        matrix = np.column_stack([matrix, *signals, closes])
        self._log = FeatureLog.of(candles, (*FEATURES, *_SIGNALS), matrix)
        self._candles = candles
        self._logged = 0
        (self._folder / "candles").mkdir(parents=True)
        (self._folder / "logs").mkdir()
        self._write_candles(candles.iloc[: LOOKBACK_BARS - 1])
        self.go_on(rows)

    @property
    def now(self) -> datetime:
        """Twenty seconds after the close of the newest logged candle."""
        return self._log.opens[self._logged - 1] + FIVE.length + timedelta(seconds=20)

    def go_on(self, rows: int = 1) -> None:
        """Log the next candles."""
        last = self._logged + rows
        for row in range(self._logged, last):
            path = self._folder / "logs" / f"features_{self._log.opens[row]:%Y%m%d}.csv"
            header = "" if path.exists() else self._log.header
            with path.open("a") as file:
                file.write(header + self._log.line(row))
        before = LOOKBACK_BARS - 1
        self._write_candles(self._candles.iloc[before + self._logged : before + last])
        self._logged = last

    def _write_candles(self, candles: pd.DataFrame) -> None:
        for month, part in candles.groupby(candles["candle_open"].dt.strftime("%Y%m")):
            path = self._folder / "candles" / f"{month}.csv"
            rows = part.assign(timestamp=part["candle_open"].dt.strftime("%Y-%m-%d %H:%M:%S"))
            columns = ["timestamp", *OHLCV]
            rows[columns].to_csv(path, mode="a", index=False, header=not path.exists())

    def table(self) -> dict[str, Any]:
        """Its entry in align.toml."""
        place = self._folder
        return {
            "name": self.name,
            "bundles": [str(place.parent / "bundles" / "*")],
            "feature_log": {
                "paths": [str(place / "logs" / "*.csv")],
                "logged_at": ["logged_at_utc"],
                "not_features": ["timestamp", "logged_at_kst", *_SIGNALS],
            },
            "signal_log": [{"name": "columns", "format": "feature_log"}],
            "candles": [{"name": "files", "paths": [str(place / "candles" / "*.csv")]}],
            "pipeline_path": [str(place.parent)],
            "backtests": [self._backtest],
        }


def write_bots(folder: Path, bots: Sequence[SimulatedBot], database_url: str) -> Path:
    """The bundle that every bot runs, and the align.toml that watches them all."""
    write_bundles(folder, {"live": _bundle()})
    config = folder / "align.toml"
    tables = {"database_url": database_url, "bots": [bot.table() for bot in bots]}
    config.write_text(to_toml(tables))
    return config


def _scores(matrix: Floats, side: int) -> Floats:
    model = _bundle().sides[side]
    return model.probabilities(matrix[:, [FEATURES.index(name) for name in model.features]])


@cache
def _bundle() -> TrainedBundle:
    candles = make_candles(_TRAINED_ON)
    sides = (range(0, 85), range(len(FEATURES) - 85, len(FEATURES)))
    closes = candles["close"].to_numpy()
    return train_bundle("live", sides, compute(candles).to_numpy(), closes, seed=1)
