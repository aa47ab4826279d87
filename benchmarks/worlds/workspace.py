"""What was played, written as a trader's folder: logs, candles, models, code, align.toml."""

import json
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.worlds.models import SIDES, write_bundle
from benchmarks.worlds.play import BAR, Play, Shape

OHLCV = ("open", "high", "low", "close", "volume")
PATTERN = (
    r"^(?P<logged_at>\S+ \S+) \[bot\] (?P<label>\d{4}-\d\d-\d\d \d\d:\d\d) "
    r"{price}L=(?P<long>\S+) S=(?P<short>\S+)$"
)
PRICE = r"px=(?P<price>\S+) "
TIMES = {
    "ms": lambda stamp: str(round(stamp.timestamp() * 1000)),
    "s": lambda stamp: str(round(stamp.timestamp())),
    "iso": lambda stamp: stamp.isoformat(),
}


def write_workspace(play: Play, folder: Path) -> None:
    """Everything under `folder`, which is made."""
    folder.mkdir(parents=True)
    for name, bundle in play.bundles.items():
        write_bundle(folder / "bundles" / name, bundle)
    for name, candles in play.sources.items():
        _write_candles(play, candles, folder / "data" / f"{name}.csv")
    if play.setup.imported:
        _write_backtest(play, folder)
    source = files("benchmarks.worlds.traders") / f"{play.setup.trader}.py"
    text = source.read_text().replace("BUSY_S = 0.0", f"BUSY_S = {play.setup.busy_s}")
    (folder / f"features_{play.setup.trader}.py").write_text(text)
    for name, text in play.files.items():
        (folder / name).write_text(text)
    rows = _rows(play)
    _write_feature_log(play, rows, folder / "logs")
    _write_signals(play, rows, folder / "logs")
    (folder / "align.toml").write_text(_configuration(play))


def _write_backtest(play: Play, folder: Path) -> None:
    """A backtest from a file that says what the bot's models say of what the bot logged."""
    stamps = play.opens(play.places).strftime("%Y-%m-%dT%H:%M:%SZ")
    signals = play.said.set_axis(["long", "short"], axis=1)
    signals.map(_number).assign(timestamp=stamps).to_csv(folder / "lab.csv", index=False)
    features = play.features.map(_number).assign(timestamp=stamps)
    features.to_csv(folder / "lab_features.csv", index=False)


def _rows(play: Play) -> pd.DataFrame:
    """A row a logged candle: label (as written), logged_at, price, LONG, SHORT."""
    opens = play.opens(play.places)
    late = np.broadcast_to(np.asarray(play.label_bars), len(opens))
    labels = [stamp + int(bars) * BAR for stamp, bars in zip(opens, late, strict=True)]
    jitter = play.rng.uniform(0, 2, len(opens)).round(3)
    written = [
        stamp + BAR + timedelta(seconds=play.written_s + float(extra))
        for stamp, extra in zip(opens, jitter, strict=True)
    ]
    decimals = play.shape.decimals
    signals = {side: [_printed(value, decimals) for value in play.signals[side]] for side in SIDES}
    prices = [] if play.prices is None else play.prices.reindex(play.places).tolist()
    return pd.DataFrame(
        {
            "label": labels,
            "logged_at": written,
            "price": [_number(value) for value in prices] if prices else "",
            **signals,
        },
        index=play.places,
    )


def _number(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def _printed(value: float, decimals: int | None) -> str:
    if np.isnan(value):
        return ""
    return repr(float(value)) if decimals is None else f"{value:.{decimals}f}"


def _write_candles(play: Play, candles: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if play.shape.candle_file == "kline":
        stamps = (candles["timestamp"].astype("int64") // 10**6).astype(str)
        if candles["timestamp"].dtype != "datetime64[ns, UTC]":
            stamps = candles["timestamp"].map(TIMES["ms"])
        candles.assign(timestamp=stamps).to_csv(path, index=False, header=False)
        return
    candles.to_csv(path, index=False)


def _write_feature_log(play: Play, rows: pd.DataFrame, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    shape = play.shape
    columns: dict[str, object] = {"time": rows["label"].map(TIMES[shape.time])}
    if shape.with_logged_at:
        columns["logged_at"] = rows["logged_at"].map(lambda stamp: stamp.isoformat())
    if shape.with_candles:
        columns |= {name: play.candles[name].map(_number) for name in OHLCV}
    columns |= {str(name): play.features[name].map(_number) for name in play.features}
    if shape.signals == "columns":
        columns |= {"p_long": rows["LONG"], "p_short": rows["SHORT"]}
        if shape.with_price and play.prices is not None:
            columns["px"] = rows["price"]
    table = pd.DataFrame(columns)
    if shape.shuffled:
        order = play.rng.permutation(table.columns)
        table = table[list(order)]
    if play.other_symbol is not None:
        table = _with_other_symbol(play, table)
    if play.written_twice:
        table = table.loc[table.index.repeat(2)]
    table.to_csv(folder / "features.csv", index=False)


def _with_other_symbol(play: Play, table: pd.DataFrame) -> pd.DataFrame:
    """Each row followed (or led) by the same candle of a symbol at another price."""
    other = table.copy()
    for name in ("open", "high", "low", "close", "px"):
        if name in other:
            moved = other[name].astype(float) * (play.other_symbol or 1.0)
            other[name] = moved.round(6).map(_number)
    for feature in [*play.features, "p_long", "p_short"]:
        other[feature] = np.roll(other[feature].to_numpy(), 40)
    pair = [table, other] if play.setup.seed % 3 else [other, table]
    return pd.concat(pair).sort_index(kind="stable")


def _write_signals(play: Play, rows: pd.DataFrame, folder: Path) -> None:
    shape = play.shape
    if shape.signals == "columns":
        return
    priced = shape.with_price and play.prices is not None
    lines = []
    if shape.signals == "csv":
        lines.append(",".join(["when", "p_long", *(["px"] if priced else []), "p_short"]))
    write = {"csv": _csv_line, "jsonl": _jsonl_line, "text": _text_line}[shape.signals]
    records: list[dict[str, Any]] = rows.to_dict("records")  # type: ignore[assignment]  # columns are names
    lines += [write(row, shape, priced) for row in records]
    suffix = {"csv": "csv", "jsonl": "jsonl", "text": "log"}[shape.signals]
    (folder / f"signals.{suffix}").write_text("\n".join(lines) + "\n")


def _csv_line(row: Mapping[str, Any], shape: Shape, priced: bool) -> str:
    label = row["label"].tz_convert(shape.zone).strftime("%Y-%m-%d %H:%M:%S")
    return ",".join([label, row["LONG"], *([row["price"]] if priced else []), row["SHORT"]])


def _jsonl_line(row: Mapping[str, Any], shape: Shape, priced: bool) -> str:
    document: dict[str, object] = {
        "t": round(row["label"].timestamp()),
        "up": float(row["LONG"]),
        "down": float(row["SHORT"]),
    }
    if priced:
        document["px"] = float(row["price"])
    if shape.with_logged_at:
        document["at"] = row["logged_at"].isoformat()
    return json.dumps(document)


def _text_line(row: Mapping[str, Any], shape: Shape, priced: bool) -> str:
    at = row["logged_at"].tz_convert(shape.zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    label = row["label"].tz_convert(shape.zone).strftime("%Y-%m-%d %H:%M")
    price = f"px={row['price']} " if priced else ""
    return f"{at} [bot] {label} {price}L={row['LONG']} S={row['SHORT']}"


def _configuration(play: Play) -> str:
    shape = play.shape
    lines = [
        'database_url = "sqlite:///align.db"',
        "[[bots]]",
        'name = "bot"',
        'bundles = ["bundles/*"]',
        "[bots.feature_log]",
        'paths = ["logs/features.csv"]',
        'candle_open = "time"',
        f"logged_at = {json.dumps(['logged_at'] if shape.with_logged_at else [])}",
        'not_features = ["p_long", "p_short", "px"]',
        "[[bots.signal_log]]",
        'name = "emitted"',
        *_signal_log(play),
    ]
    if play.rule:
        lines += ["[bots.rule]", *[f"{key} = {value}" for key, value in play.rule.items()]]
    for name, place in play.deployments or [("live", 0)]:
        since = (play.opens(np.array([place]))[0] + BAR).isoformat().replace("+00:00", "Z")
        lines += ["[[bots.deployments]]", f'bundle = "bundles/{name}"', f"from = {since}"]
    for name in play.sources:
        lines += ["[[bots.candles]]", f'name = "{name}"', f'paths = ["data/{name}.csv"]']
    lines += ["[[bots.backtests]]", 'name = "lab"']
    if play.setup.imported:
        lines += ['signals = "lab.csv"', 'features = "lab_features.csv"']
    else:
        lines += [
            "tolerance = 1.0",  # so that a cycle pairs and leaves the diagnosis to be asked for
            f'pipeline = "{play.backtest_pipeline}"',
            f"lookback_bars = {play.backtest_lookback_bars}",
            f'mode = "{play.backtest_mode}"',
            f'gap_policy = "{play.gap_policy}"',
        ]
        if play.setup.busy_s >= 0.5:
            lines += ["budget_s = 40"]
    if play.backtest_rule:
        keys = ", ".join(f"{key} = {value}" for key, value in play.backtest_rule.items())
        lines += [f"rule = {{ {keys} }}"]
    return "\n".join(lines) + "\n"


def _signal_log(play: Play) -> list[str]:
    shape = play.shape
    priced = shape.with_price and play.prices is not None
    price = ['price = "px"'] if priced else []
    if shape.signals == "columns":
        return ['format = "feature_log"', 'long = "p_long"', 'short = "p_short"', *price]
    if shape.signals == "csv":
        return [
            'paths = ["logs/signals.csv"]',
            'format = "csv"',
            'candle_open = "when"',
            'long = "p_long"',
            'short = "p_short"',
            f'zone = "{shape.zone_told or shape.zone}"',
            *price,
        ]
    if shape.signals == "jsonl":
        stamp = ['logged_at = "at"'] if shape.with_logged_at else []
        return [
            'paths = ["logs/signals.jsonl"]',
            'format = "jsonl"',
            'candle_open = "t"',
            'long = "up"',
            'short = "down"',
            *price,
            *stamp,
        ]
    pattern = PATTERN.replace("{price}", PRICE if priced else "")
    return [
        'paths = ["logs/signals.log"]',
        'format = "text"',
        f"pattern = '''{pattern}'''",
        f'label_zone = "{shape.zone_told or shape.zone}"',
        f'logged_at_zone = "{shape.zone_told or shape.zone}"',
    ]
