"""The simulated bot goes on: each candle that closes is logged a few seconds later.

A bot that was stopped for a while has a hole in its log, as a real one has; the
candle file is caught up, since an exchange can be asked for what was missed.
"""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.bundle.manifest import read_manifest
from core.errors import ConfigError
from core.feature_log.writer import FeatureLogWriter
from core.market import OHLCV, Side
from demo.bot_files import FEATURE_FOLDER, TEXT_LOG, text_line
from demo.models import TrainedModel
from demo.plan import Vectors
from demo.simulated_market import Market, simulate_market
from demo.simulation import TIMEFRAME, pipeline_frame
from demo.workspace import STATE
from reference_pipeline.pipeline import FEATURES, compute_windows

LIVE_BUNDLE = "momentum"
CANDLE_FILE = "data/exchange_5m.csv"
DELAY_S = 3.0
_TAIL_BYTES = 65_536


class LiveBot:
    """One running demo bot; raises ConfigError where the folder holds no clean demo."""

    def __init__(self, folder: Path) -> None:
        state = _state(folder)
        self._folder = folder
        self._seed: int = state["seed"]
        self._first_open = datetime.fromisoformat(state["first_open"])
        self._lookback_bars: int = state["lookback_bars"]
        self._models = {side: _model(folder, side) for side in (Side.LONG, Side.SHORT)}
        self._hash = read_manifest(folder / "bundles" / LIVE_BUNDLE).hash
        self._writer = FeatureLogWriter(folder / FEATURE_FOLDER)

    def step(self, now: datetime) -> datetime | None:
        """Log the last candle that has closed at `now`; its open, or None if it is logged."""
        last = TIMEFRAME.last_closed(now)
        market = simulate_market(
            self._seed, self._first_open, TIMEFRAME.count(self._first_open, last), TIMEFRAME
        )
        self._append_candles(market)
        logged = last_logged(self._folder)
        if logged is not None and logged >= last:
            return None
        self._log(market, now)
        return last

    def _append_candles(self, market: Market) -> None:
        path = self._folder / CANDLE_FILE
        newest = datetime.fromisoformat(_last_line(path).partition(",")[0]).replace(tzinfo=UTC)
        missed = market.candles().iloc[market.position(newest) + 1 :]
        stamps = missed["candle_open"].dt.strftime("%Y-%m-%d %H:%M:%S")
        text: str = missed.assign(timestamp=stamps)[["timestamp", *OHLCV]].to_csv(
            index=False, header=False, lineterminator="\n"
        )
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def _log(self, market: Market, now: datetime) -> None:
        candles = market.candles()
        position = market.bars - 1
        matrix = compute_windows(pipeline_frame(candles), np.array([position]), self._lookback_bars)
        opened = candles["candle_open"].iloc[position].to_pydatetime()
        vectors = Vectors(candles["candle_open"].iloc[[position]].array, FEATURES, matrix)
        long, short = (
            float(self._models[side].probabilities(vectors.select(self._models[side].features))[0])
            for side in (Side.LONG, Side.SHORT)
        )
        bar = dict(zip(OHLCV, candles[list(OHLCV)].iloc[position].tolist(), strict=True))
        row = {**bar, **dict(zip(FEATURES, matrix[0].tolist(), strict=True))}
        written = self._writer.write(
            opened,
            row,
            long=long,
            short=short,
            price=bar["close"],
            bundle_hash=self._hash,
            candles_seen=self._lookback_bars,
            now=now,
        )
        if not written:
            raise OSError(f"{self._folder}: {self._writer.last_error}")
        self._say(text_line(opened, long, short, bar["close"], now))

    def _say(self, line: str) -> None:
        path = self._folder / TEXT_LOG
        with path.open("a+b") as file:
            if file.tell():
                file.seek(-1, 2)
                if file.read(1) != b"\n":  # the line that was cut short ends here
                    file.write(b"\n")
            file.write(line.encode())


def waits(now: datetime) -> float:
    """Seconds from `now` until DELAY_S after the close of the candle that is open."""
    close = TIMEFRAME.floor(now) + TIMEFRAME.length
    return (close - now).total_seconds() + DELAY_S


def last_logged(folder: Path) -> datetime | None:
    """The newest candle open among the whole lines at the end of the newest feature files."""
    for path in sorted((folder / FEATURE_FOLDER).glob("*.csv"), reverse=True):
        times = list(_times(path))
        if times:
            return datetime.fromtimestamp(max(times) / 1000, UTC)
    return None


def _times(path: Path) -> Iterator[int]:
    lines = _tail(path).split("\n")
    commas = lines[0].count(",") if len(lines) > 1 else 0
    for line in itertools.islice(reversed(lines[:-1]), 3):
        first = line.partition(",")[0]
        if first.isdigit() and line.count(",") >= commas:
            yield int(first)


def _last_line(path: Path) -> str:
    return _tail(path).rstrip("\n").rpartition("\n")[2]


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        return file.read().decode()


def _state(folder: Path) -> dict[str, Any]:
    path = folder / STATE
    if not path.is_file():
        raise ConfigError(f"{folder}: no demo lies here; build one with `demo --dir {folder}`")
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if state["faults"]:
        raise ConfigError(f"{folder}: was built with a fault; only a clean demo has a live bot")
    return state


def _model(folder: Path, side: Side) -> TrainedModel:
    home = folder / "bundles" / LIVE_BUNDLE
    entry = read_manifest(home).sides[side]
    return TrainedModel(
        entry.features,
        np.array(entry.scaler.offset),
        np.array(entry.scaler.scale),
        (home / entry.model).read_bytes(),
    )
