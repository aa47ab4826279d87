"""A bot's journal and plan → the files and the configuration of an installation."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from core.bundle.manifest import read_manifest
from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.write import SideContent, write_bundle
from core.feature_log.writer import FeatureLogWriter
from core.market import OHLCV, Side
from demo.bot import Journal
from demo.models import TrainedBundle, TrainedModel
from demo.plan import Plan, to_toml
from demo.simulation import World

KST = ZoneInfo("Asia/Seoul")
FEATURE_FOLDER = "logs/features"
SIGNAL_CSV = "logs/signals.csv"
TEXT_LOG = "logs/bot_output.log"


def write_installation(folder: Path, world: World, plan: Plan, journal: Journal) -> None:
    """Everything of a workspace but its database, into an empty or new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bundles(folder, plan.bundles)
    for path, source in plan.code.items():
        write_text(folder / path, source)
    for path, candles in plan.candle_files.items():
        write_candles(folder / path, needed_history(candles, world, plan))
    write_feature_log(folder, plan, journal)
    write_signal_logs(folder, plan, journal.emitted)
    write_config(folder, plan)


def write_config(folder: Path, plan: Plan) -> None:
    """D/align.toml."""
    top = {"database_url": "sqlite:///align.db", "display_zone": "UTC"}
    write_text(folder / "align.toml", to_toml({**top, "bots": [dict(plan.bot)]}))


def write_bundles(folder: Path, bundles: Mapping[str, TrainedBundle]) -> None:
    """Each bundle as its folder under bundles/; written aside and moved, so never half there."""
    for name, bundle in bundles.items():
        sides = {Side.LONG: _content(bundle.long), Side.SHORT: _content(bundle.short)}
        write_bundle(folder / "bundles" / name, bundle.name, sides)


def _content(model: TrainedModel) -> SideContent:
    scaler = Scaler(ScalerKind.STANDARD, tuple(model.mean.tolist()), tuple(model.scale.tolist()))
    return SideContent(model.model, model.features, scaler)


def needed_history(candles: pd.DataFrame, world: World, plan: Plan) -> pd.DataFrame:
    """The candles from four lookbacks before the log on."""
    first = max(0, world.first - 4 * plan.lookback_bars)
    return candles[candles["candle_open"] >= world.market.opens[first]]


def write_candles(path: Path, candles: pd.DataFrame) -> None:
    """CSV with naive UTC times, as an exchange's download has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = candles.assign(timestamp=candles["candle_open"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    rows[["timestamp", *OHLCV]].to_csv(path, index=False, lineterminator="\n")


def write_feature_log(folder: Path, plan: Plan, journal: Journal) -> None:
    """One row a candle through the writer that every bot may import."""
    writer = FeatureLogWriter(folder / FEATURE_FOLDER)
    signals = _signals_by_open(plan, journal)
    hashes = _bundle_hashes(folder, plan, len(journal.vectors.opens))
    names = (*OHLCV, *journal.vectors.columns)
    block = np.column_stack([journal.ohlcv, journal.vectors.matrix])
    rows = zip(journal.vectors.opens, journal.logged_at, block.tolist(), strict=True)
    for number, (opened, logged, values) in enumerate(rows):
        known: dict[str, Any] = dict(signals.get(opened, {}))
        if plan.counts_candles:
            known["candles_seen"] = int(journal.candle_counts[number])
        if hashes is not None:
            known["bundle_hash"] = hashes[number]
        cells = {
            name: None if value != value else value
            for name, value in zip(names, values, strict=True)
        }
        if not writer.write(opened.to_pydatetime(), cells, now=logged.to_pydatetime(), **known):
            raise OSError(f"{folder}: the feature log cannot be written: {writer.last_error}")


def _signals_by_open(plan: Plan, journal: Journal) -> dict[pd.Timestamp, dict[str, float]]:
    if "feature_log" not in plan.signal_logs:
        return {}
    emitted = journal.emitted
    numbers = emitted[["long", "short", "price"]].to_dict("records")
    return dict(zip(emitted["candle_open"], numbers, strict=True))


def _bundle_hashes(folder: Path, plan: Plan, rows: int) -> list[str] | None:
    if not plan.names_bundle:
        return None
    hashes = [""] * rows
    for start, name in plan.scoring.bundles:
        first = round(start * rows)
        known = read_manifest(folder / "bundles" / name).hash
        hashes[first:] = [known] * (rows - first)
    return hashes


def write_signal_logs(folder: Path, plan: Plan, emitted: pd.DataFrame) -> None:
    """The signal logs that the plan names, beside the columns of the feature log."""
    if "csv" in plan.signal_logs:
        write_text(folder / SIGNAL_CSV, _csv(emitted))
    if "text" in plan.signal_logs:
        write_text(folder / TEXT_LOG, "".join(text_lines(emitted)))


def _csv(emitted: pd.DataFrame) -> str:
    rows = pd.DataFrame(
        {
            "timestamp": emitted["candle_open"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            "long": emitted["long"],
            "short": emitted["short"],
            "price": emitted["price"],
            "logged_at": emitted["logged_at"].dt.strftime("%Y-%m-%d %H:%M:%S.%f"),
        }
    )
    text: str = rows.to_csv(index=False, lineterminator="\n")
    return text


def text_lines(emitted: pd.DataFrame) -> Iterator[str]:
    """The bot's chatter: labels and clock in Seoul time, four decimals."""
    columns = emitted[["candle_open", "long", "short", "price", "logged_at"]]
    for opened, long, short, price, logged in columns.itertuples(index=False):
        yield text_line(opened.to_pydatetime(), long, short, price, logged.to_pydatetime())


def text_line(opened: datetime, long: float, short: float, price: float, logged: datetime) -> str:
    """One signal line of the text log."""
    stamp = logged.astimezone(KST)
    return (
        f"{stamp:%Y-%m-%d %H:%M:%S},{stamp.microsecond // 1000:03d} - INFO - "
        f"[Candle {opened.astimezone(KST):%H:%M:%S} KST] "
        f"Price: ${price:,.1f} | LONG: {long:.4f} | SHORT: {short:.4f}\n"
    )


def write_text(path: Path, text: str) -> None:
    """UTF-8 with line feeds; the folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
