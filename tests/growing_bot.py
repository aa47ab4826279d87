"""A bot whose files grow by a line a candle: features, signals, candles and an export."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.bundle.write import write_bundle
from tests.feature_log.world import FIRST_MS, STEP_MS, header, row
from tests.killed.workspace import (
    FEATURES,
    PATTERN,
    PIPELINE,
    candle_lines,
    export_lines,
    exported_features,
    probabilities,
    small_sides,
    text_lines,
)

_HISTORY = 60  # candles before the first row


def closed_at(bar: int) -> datetime:
    """When a bar closes; bar 0 opens on 2025-11-03 00:00 UTC, each takes five minutes."""
    return datetime.fromtimestamp((FIRST_MS + (bar + 1) * STEP_MS) / 1000, UTC)


def last_closed(now: datetime) -> int:
    return (now - closed_at(-1)) // timedelta(milliseconds=STEP_MS) - 1


@dataclass(frozen=True)
class GrowingBot:
    """Its recomputed backtest agrees with it, an export says each value a candle late.

    number: bots of other numbers see other candles.
    """

    folder: Path
    number: int = 0

    def begin(self, first: int, last: int) -> None:
        """All that was written from bar `first` until before bar `last`."""
        for name in ("code", "exports"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "code/bar_features.py").write_text(PIPELINE)
        write_bundle(self.folder / "bundle", "one", small_sides(0))
        history = candle_lines(range(first - _HISTORY, first), wider=0.01 * self.number)
        self._append("candles.csv", history)
        self._append("features.csv", header())
        self._append("exports/signals.csv", "timestamp,long,short\n")
        self._append("exports/features.csv", f"timestamp,{','.join(FEATURES)}\n")
        self.add(range(first, last))

    def add(self, bars: Sequence[int]) -> None:
        """What is written as these bars close."""
        emitted = probabilities(self.folder / "bundle", bars)
        late = probabilities(self.folder / "bundle", [bar - 1 for bar in bars])
        exported = {bar + 1: values for bar, values in late.items()}
        candles = candle_lines(bars, wider=0.01 * self.number)
        self._append("candles.csv", _without_header(candles))
        self._append("features.csv", "".join(map(row, bars)))
        self._append("bot.log", "".join(text_lines(emitted)))
        self._append("exports/signals.csv", _without_header("".join(export_lines(exported))))
        features = "".join(exported_features(bars, by=1))
        self._append("exports/features.csv", _without_header(features))

    def described(self, *, has_export: bool) -> dict[str, Any]:
        """The bot as it stands in a configuration."""
        folder = self.folder
        again = {"name": "again", "pipeline": "bar_features:compute", "lookback_bars": 20}
        exports = {kind: str(folder / f"exports/{kind}.csv") for kind in ("signals", "features")}
        log = {"name": "text", "format": "text", "pattern": PATTERN}
        return {
            "name": f"bot-{self.number}",
            "bundles": [str(folder / "bundle")],
            "pipeline_path": [str(folder / "code")],
            "feature_log": {"paths": [str(folder / "features.csv")], "logged_at": ["logged_at"]},
            "signal_log": [{**log, "paths": [str(folder / "bot.log")]}],
            "candles": [{"name": "files", "paths": [str(folder / "candles.csv")]}],
            "backtests": [again, {"name": "export", **exports}] if has_export else [again],
        }

    def _append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(text)


def _without_header(text: str) -> str:
    return text.partition("\n")[2]
