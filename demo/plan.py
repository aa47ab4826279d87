"""What a simulated bot really does, and what its owner wrote into the configuration.

A plan starts clean (`clean_plan`): the configuration tells the truth and the
backtest gives what the bot gave. A fault (demo.faults) is a function from one
plan to another. Of a plan only files and configuration reach a workspace.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.market import OHLCV
from core.times import iso_z
from demo.models import TrainedBundle
from demo.simulation import World

Floats = npt.NDArray[np.float64]
Compute = Callable[[pd.DataFrame], pd.DataFrame]

BOT = "demo-btc-5m (simulated)"
BACKTEST = "backtest"
TEXT_PATTERN = (
    r"^(?P<logged_at>\S+ \S+) - INFO - \[Candle (?P<label>\d\d:\d\d:\d\d) KST\] "
    r"Price: \$(?P<price>[\d,.]+) \| LONG: (?P<long>[\d.]+) \| SHORT: (?P<short>[\d.]+)"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The candles as the bot had them when it computed; rows are bars of the market."""

    values: Floats  # bars × OHLCV
    newest: Floats | None = None  # bars × OHLCV: each candle at the moment it was the newest
    present: npt.NDArray[np.bool_] | None = None  # bars that reached the bot; None: all
    history_bars: npt.NDArray[np.int64] | None = None  # candles it had at each bar; None: lookback


@dataclass(frozen=True, slots=True)
class Vectors:
    """Feature rows of the log: one row a candle, columns named."""

    opens: pd.DatetimeIndex
    columns: tuple[str, ...]
    matrix: Floats

    def select(self, names: tuple[str, ...]) -> Floats:
        """The columns of these names, in their order."""
        return self.matrix[:, [self.columns.index(name) for name in names]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How the bot turns a feature row into two probabilities."""

    bundles: tuple[tuple[float, str], ...]  # (share of the log from where on, bundle)
    order: str = "own"  # "own", "alphabetical", or "log": the order of the logged columns
    scaler: str = "own"  # "own", "none", or the bundle whose scaler was loaded
    filled_with_zero: tuple[str, ...] = ()
    nan_as: float | None = None  # None: XGBoost sees NaN
    is_swapped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One installation: the bot's doings and the files and configuration around it."""

    lookback_bars: int
    seen: Seen
    scoring: Scoring
    signal_logs: tuple[str, ...]  # feature_log, csv, text; the first one wins
    bot: Mapping[str, Any]  # the [[bots]] table of align.toml
    bundles: Mapping[str, TrainedBundle]  # folder under bundles/ → what lies there
    candle_files: Mapping[str, pd.DataFrame]  # path → candles as stored there
    code: Mapping[str, str] = field(default_factory=dict)  # path → source
    compute: str | None = None  # "module:function" in `code` that the bot runs; None: reference
    vectors: tuple[Callable[[Vectors], Vectors], ...] = ()  # before scoring and logging
    logged: tuple[Callable[[Vectors], Vectors], ...] = ()  # between scoring and logging
    emitted: tuple[Callable[[pd.DataFrame], pd.DataFrame], ...] = ()  # before the signal log
    is_down: npt.NDArray[np.bool_] | None = None  # bars that the bot did not log
    counts_candles: bool = False  # the log says how many candles each row saw
    names_bundle: bool = False  # the log says which bundle scored
    delay_s: float = 3.0  # from the candle's close to the row

    def configured(self, **tables: Any) -> "Plan":
        """This plan with these keys of the bot's table set."""
        return replace(self, bot={**self.bot, **tables})

    def backtest(self, **keys: Any) -> "Plan":
        """This plan with these keys of the (first) backtest set."""
        first, *others = self.bot["backtests"]
        return self.configured(backtests=[{**first, **keys}, *others])


def clean_plan(world: World, *, signal_logs: tuple[str, ...] = ("csv",)) -> Plan:
    """An installation whose backtest is the bot: same candles, history, models."""
    candles = world.candles
    return Plan(
        lookback_bars=world.lookback_bars,
        seen=Seen(candles[list(OHLCV)].to_numpy()),
        scoring=Scoring(bundles=((0.0, "momentum"),)),
        signal_logs=signal_logs,
        bot=_bot_table(world, signal_logs),
        bundles={name: world.bundles[name] for name in ("momentum", "momentum_v1", "reversal")},
        candle_files={"data/exchange_5m.csv": candles},
    )


def _bot_table(world: World, signal_logs: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": BOT,
        "exchange": "simulated",
        "symbol": "BTC/USDT:USDT (simulated)",
        "timeframe": world.timeframe.text,
        "bundles": ["bundles/*"],
        "pipeline_path": ["code"],
        "feature_log": {
            "paths": ["logs/features/*.csv"],
            "candle_open": "time",
            "logged_at": ["logged_at"],
            "not_features": ["timestamp", "long", "short", "price", "bundle_hash", "candles_seen"],
        },
        "signal_log": [SIGNAL_LOGS[name] for name in signal_logs],
        "deployments": [{"bundle": "bundles/momentum", "from": deployed_from(world)}],
        "rule": {"long_threshold": 0.70, "short_threshold": 0.70},
        "candles": [{"name": "exchange", "paths": ["data/exchange_5m.csv"]}],
        "backtests": [
            {
                "name": BACKTEST,
                "pipeline": "reference",
                "lookback_bars": world.lookback_bars,
                "mode": "window",
                "candles": "exchange",
            }
        ],
    }


def deployed_from(world: World) -> datetime:
    """When the bundle went live: the midnight before the log."""
    return world.opens[0].to_pydatetime().replace(hour=0, minute=0)


SIGNAL_LOGS: dict[str, dict[str, Any]] = {
    "csv": {
        "name": "signals",
        "paths": ["logs/signals.csv"],
        "format": "csv",
        "candle_open": "timestamp",
        "logged_at": "logged_at",
        "zone": "UTC",
    },
    "feature_log": {
        "name": "columns",
        "format": "feature_log",
        "long": "long",
        "short": "short",
        "price": "price",
    },
    "text": {
        "name": "text",
        "paths": ["logs/bot_output.log"],
        "format": "text",
        "pattern": TEXT_PATTERN,
        "label_zone": "Asia/Seoul",
        "logged_at_zone": "Asia/Seoul",
    },
}


def to_toml(table: Mapping[str, Any]) -> str:
    """TOML text of plain values, lists of plain values, tables and lists of tables."""
    return "\n".join(_toml_lines(table, ())) + "\n"


def _toml_lines(table: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    lines = [
        f"{key} = {_toml_value(value)}" for key, value in table.items() if not _is_table(value)
    ]
    for key, value in table.items():
        if not _is_table(value):
            continue
        inner = (*place, key)
        name = ".".join(inner)
        heads = value if isinstance(value, list) else [value]
        mark = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
        for head in heads:
            lines += ["", mark, *_toml_lines(head, inner)]
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    )


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return iso_z(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_toml_value(item)}' for key, item in value.items())} }}"
    return f"'''{value}'''" if "\\" in value else f'"{value}"'
