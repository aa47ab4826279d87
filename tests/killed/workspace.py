"""A small bot with everything that a cycle can do, at its first and at a later cycle.

Flawed feature and signal logs, candles that are revised, two bundles, a recomputed, an imported
and a replayed comparison, two of them with a difference to diagnose.
"""

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.write import SideContent, write_bundle
from core.market import Side
from core.settings import BotSettings
from tests.feature_log.world import (
    FIRST_MS,
    OLD,
    STEP_MS,
    cells,
    flawed_logs,
    header,
    row,
    rows,
    utc_text,
)

NOW = datetime(2025, 11, 7, tzinfo=UTC)
_LONG_AGO = NOW - timedelta(days=1)  # of every file: nothing waits for more
START, END, LATER = 500, 620, 640  # bars of the regular logs, and how far they grow
CARRYING = (*OLD, "long", "short")  # a feature log that carries the signals
FEATURES = ("sma", "rsi")
PATTERN = (
    r"^(?P<logged_at>\S+ \S+) - INFO - \[Candle (?P<label>\d\d:\d\d)\] "
    r"LONG: (?P<long>[\d.]+) \| SHORT: (?P<short>[\d.]+) \| Price: \$(?P<price>[\d.,]+)"
)
PIPELINE = """
import pandas as pd

def compute(candles):
    bars = (candles["timestamp"] - pd.Timestamp("2025-11-03", tz="UTC")) // pd.Timedelta("5min")
    return candles.assign(sma=candles["close"] + 0.01, rsi=30.0 + bars % 40)
"""
Signals = Mapping[int, tuple[float, float]]  # by bar: LONG and SHORT


@dataclass(frozen=True)
class Stage:
    """A moment in the bot's life: `write` brings its files up to it, `bot` is configured then."""

    write: Callable[[Path], None]
    bot: Callable[[Path], BotSettings]


def first_bot(folder: Path, **changes: Any) -> BotSettings:
    """Every kind of log, of candles and of comparison."""
    return BotSettings.model_validate(
        {
            "name": "bot",
            "bundles": [str(folder / "bundles/one")],
            "pipeline_path": [str(folder / "code")],
            "feature_log": {"paths": [str(folder / "*.csv*")], "logged_at": ["logged_at"]},
            "signal_log": _signal_logs(folder),
            "candles": [
                {"name": "files", "paths": [str(folder / "candles/*.csv")]},
                {"name": "other", "paths": [str(folder / "candles/second/*.csv")]},
            ],
            "backtests": [_recomputed(20), _imported(folder)],
            **changes,
        }
    )


def later_bot(folder: Path) -> BotSettings:
    """Another bundle went live, the rule, a log's description and a lookback changed."""
    logs = _signal_logs(folder)
    logs[0]["price"] = "cost"
    return first_bot(
        folder,
        signal_log=logs,
        bundles=[str(folder / "bundles/*")],
        rule={"long_threshold": 0.6},
        deployments=[
            {"bundle": str(folder / "bundles/one"), "from": _opened(0), "until": _opened(637)},
            {"bundle": str(folder / "bundles/two"), "from": _opened(637)},
        ],
        backtests=[_recomputed(25), _imported(folder)],
    )


def _recomputed(lookback_bars: int) -> dict[str, Any]:
    return {"name": "again", "pipeline": "bar_features:compute", "lookback_bars": lookback_bars}


def _imported(folder: Path) -> dict[str, Any]:
    exports = folder / "exports"
    files = {kind: str(exports / f"{kind}.csv") for kind in ("signals", "features")}
    return {"name": "export", **files}


def _signal_logs(folder: Path) -> list[dict[str, Any]]:
    logs = folder / "signals"
    return [
        {"name": "csv", "format": "csv", "paths": str(logs / "*.csv*")},
        {"name": "text", "format": "text", "paths": str(logs / "*.log"), "pattern": PATTERN},
        {"name": "jsonl", "format": "jsonl", "paths": str(logs / "*.jsonl")},
        {"name": "columns", "format": "feature_log", "price": "close"},
    ]


def begin(folder: Path) -> None:
    """Everything as it first appears."""
    for name in ("code", "signals", "candles/second", "exports"):
        (folder / name).mkdir(parents=True)
    (folder / "code/bar_features.py").write_text(PIPELINE)
    for seed, name in enumerate(("one", "two")):
        write_bundle(folder / "bundles" / name, name, small_sides(seed))
    for name, log in flawed_logs().items():
        (folder / name).write_bytes(log)
    _write(folder / "r.csv", header(), rows(200, 220), row(205), row(206, rsi=1.0), "half\n")
    _write(folder / "m.csv", header(), rows(START, END))
    _write(folder / "n.csv", header(CARRYING), _carrying(range(300, 312)))
    emitted = probabilities(folder / "bundles/one", range(START, END))
    _begin_signals(folder / "signals", emitted)
    _write(folder / "candles/a.csv", candle_lines(range(560, 600)))
    _write(folder / "candles/b.csv", candle_lines(range(590, END)), "2025-11-05,1,2\n")
    _write(folder / "candles/second/a.csv", candle_lines(range(580, 600), wider=0.5))
    _write(folder / "exports/signals.csv", *export_lines(_shifted(emitted)), "tomorrow,1,1\n")
    _write(folder / "exports/features.csv", *exported_features(range(START, END), by=1))
    _age(folder)


def go_on(folder: Path) -> None:
    """Logs grow, are renamed and replaced; candles are revised; the export is another."""
    _append(folder / "b.csv", row(90), "\n", row(91))
    (folder / "a.csv").rename(folder / "z.csv")
    _write(folder / "a.csv", header(), rows(92, 94), row(16, rsi=3.25))
    _write(folder / "r.csv", header(), rows(206, 222), "half\n", row(206, rsi=1.0))
    _append(folder / "m.csv", rows(END, LATER))
    _append(folder / "n.csv", _carrying(range(310, 315), long=0.125))
    emitted = probabilities(folder / "bundles/one", range(START, LATER))
    added = {bar: emitted[bar] for bar in range(END, LATER)}
    _go_on_with_signals(folder / "signals", added)
    _write(folder / "candles/b.csv", candle_lines(range(590, LATER), wider=0.25))
    _append(folder / "candles/second/a.csv", candle_lines(range(600, 605)).partition("\n")[2])
    _write(
        folder / "exports/signals.csv",
        *export_lines({**emitted, **_noisy(range(START, LATER))}),
        "tomorrow,1,1\n",
    )
    _write(folder / "exports/features.csv", *exported_features(range(START, LATER), by=0))
    _age(folder)


FIRST = Stage(begin, first_bot)
THEN = Stage(go_on, later_bot)


def _begin_signals(folder: Path, regular: Signals) -> None:
    """Repeats, another value, lines that are none."""
    _write(folder / "a.csv", _signals(*range(60), 5, 7), "half\n")
    _write(folder / "b.csv", _signals(*range(50, 160), long=0.25), "x,2\n" * 3)
    _write(folder / "r.csv", _signals(*range(200, 290), 205, 206), "half\n")
    _write(folder / "bot.log", "starting\n", *text_lines(regular))
    _write(folder / "s.jsonl", *_records(range(100, 160)), "{\n", '{"long": 0.5}\n', '{"a": 1}\n')


def _go_on_with_signals(folder: Path, regular: Signals) -> None:
    """A log grows, one is renamed, one replaced."""
    _append(folder / "b.csv", _signals(160, 161, 3).partition("\n")[2])
    (folder / "a.csv").rename(folder / "z.csv")
    _write(folder / "a.csv", _signals(300, 16, 51, long=0.75))
    _write(folder / "r.csv", _signals(*range(206, 300), long=0.5), "half\n", "more,1\n")
    _append(folder / "bot.log", "bye\n", *text_lines(regular))
    _append(folder / "s.jsonl", *_records(range(155, 165)))


def _shifted(signals: Signals) -> Signals:
    """Every signal one candle late."""
    return {bar + 1: values for bar, values in signals.items()}


def probabilities(bundle: Path, bars: Sequence[int]) -> Signals:
    """What a bundle says of these bars."""
    from core.bundle.load import load_bundle

    sides = load_bundle(bundle).sides
    matrix = np.array([_features(bar) for bar in bars])
    long, short = (sides[side].score(matrix).tolist() for side in (Side.LONG, Side.SHORT))
    return dict(zip(bars, zip(long, short, strict=True), strict=True))


def _noisy(bars: Iterable[int]) -> Signals:
    """Signals that nothing explains."""
    chance = random.Random(7)
    return {bar: (round(chance.random(), 3), round(chance.random(), 3)) for bar in bars}


def _features(bar: int) -> tuple[float, ...]:
    named = dict(zip(OLD, cells(bar), strict=True))
    return tuple(float(named[name]) for name in FEATURES)


def small_sides(seed: int) -> dict[Side, SideContent]:
    """LONG and SHORT models over the features."""
    import xgboost as xgb

    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(200, len(FEATURES)))
    scaler = Scaler(ScalerKind.STANDARD, (100.0, 50.0), (0.7, 11.5))
    sides = {}
    for side, sign in ((Side.LONG, 1), (Side.SHORT, -1)):
        target = (sign * matrix[:, 0] + matrix[:, 1] * rng.normal(size=200) > 0).astype(int)
        known = xgb.DMatrix(matrix, label=target, nthread=1)
        settings = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": seed}
        model = xgb.train(settings, known, num_boost_round=8)
        sides[side] = SideContent(bytes(model.save_raw("json")), FEATURES, scaler)
    return sides


def _signals(*bars: int, long: float = 0.5) -> str:
    return "timestamp,long\n" + "".join(f"{FIRST_MS + bar * STEP_MS},{long}\n" for bar in bars)


def text_lines(signals: Signals) -> Iterator[str]:
    """Lines of a text log; every fiftieth is chatter that looks like a signal."""
    for bar, (long, short) in signals.items():
        written = utc_text(FIRST_MS + (bar + 1) * STEP_MS + 7000)
        label = utc_text(FIRST_MS + bar * STEP_MS)[11:16]
        close = float(cells(bar)[OLD.index("close")])
        yield (
            f"{written} - INFO - [Candle {label}] LONG: {long:.4f} | SHORT: {short:.4f} "
            f"| Price: ${close:.2f}\n"
        )
        if bar % 50 == 0:
            yield f"{written} - INFO - [Candle {label}] LONG: none\n"


def _records(bars: Iterable[int]) -> Iterator[str]:
    for bar in bars:
        opened = utc_text(FIRST_MS + bar * STEP_MS)
        yield json.dumps({"timestamp": opened, "long": 0.375, "short": 0.5, "price": 101.5}) + "\n"


def _carrying(bars: Iterable[int], long: float = 0.25) -> str:
    return "".join(row(bar, OLD).strip() + f",{long},0.5\n" for bar in bars)


def candle_lines(bars: Iterable[int], wider: float = 0.0) -> str:
    lines = ["timestamp,open,high,low,close,volume\n"]
    for bar in bars:
        opened, high, low, close, volume = map(float, cells(bar)[1:6])
        numbers = (opened, high + wider, low, close, volume + wider)
        lines.append(f"{utc_text(FIRST_MS + bar * STEP_MS)},{','.join(map(repr, numbers))}\n")
    return "".join(lines)


def export_lines(signals: Signals) -> Iterator[str]:
    yield "timestamp,long,short\n"
    for bar, (long, short) in sorted(signals.items()):
        yield f"{utc_text(FIRST_MS + bar * STEP_MS)},{long!r},{short!r}\n"


def exported_features(bars: Iterable[int], *, by: int) -> Iterator[str]:
    """The features, each candle with those of `by` candles before."""
    yield f"timestamp,{','.join(FEATURES)}\n"
    for bar in bars:
        yield f"{utc_text(FIRST_MS + bar * STEP_MS)},{','.join(map(repr, _features(bar - by)))}\n"


def _opened(bar: int) -> datetime:
    return datetime.fromtimestamp((FIRST_MS + bar * STEP_MS) / 1000, UTC)


def _write(path: Path, *texts: str) -> None:
    path.write_text("".join(texts))


def _append(path: Path, *texts: str) -> None:
    with path.open("a") as file:
        file.writelines(texts)


def _age(folder: Path) -> None:
    """Nobody has written to any file for long."""
    moment = _LONG_AGO.timestamp()
    for path in folder.rglob("*.*"):
        if path.is_file() and not path.suffix.startswith(".db"):
            os.utime(path, (moment, moment))
