"""Build the demo workspace: ten days of a simulated bot, its backtests, an align.toml.

Everything in it is simulated and says so: the bot's name, its exchange, its
symbol. The backtests are really recomputed, never perturbed.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.errors import ConfigError
from core.market import OHLCV
from core.times import iso_z
from demo.bot import probabilities, run_bot
from demo.bot_files import (
    FEATURE_FOLDER,
    TEXT_LOG,
    needed_history,
    write_bundles,
    write_candles,
    write_config,
    write_feature_log,
    write_signal_logs,
    write_text,
)
from demo.faults import FAULTS, inject
from demo.flaws import cut_last_line, holes, outage_start, redeployment, write_drifting_log
from demo.plan import Plan, Vectors, clean_plan, deployed_from
from demo.simulated_market import STEPS
from demo.simulation import TIMEFRAME, World, make_world, pipeline_frame
from reference_pipeline.pipeline import FEATURES, compute_windows

SEED = 5
STATE = "demo.json"
LOOKBACK_BARS = 600
SHORT_BARS = 300
EXPORT_BARS = 450
_EXPORT_DAYS = 5


def build_workspace(
    folder: Path,
    *,
    now: datetime,
    faults: Sequence[str] = (),
    seed: int = SEED,
    days: int = 10,
    size: int = 1,
) -> Path:
    """Write a workspace and return its align.toml.

    The log ends at the last candle that has closed at `now`. `faults` are names of
    demo.faults.FAULTS, `size` 0 (small) or 1 (large). A folder that holds a demo
    already is left as it is. Raises ConfigError for an unknown fault, and for a
    folder that holds anything else.
    """
    check_faults(faults)
    if _is_built(folder, faults):
        return folder / "align.toml"
    world = demo_world(now, seed=seed, days=days)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write(partial, world, faults, size)
    partial.replace(folder)
    return folder / "align.toml"


def check_faults(names: Sequence[str]) -> None:
    """Raise ConfigError, with the known names, for a name that is no fault."""
    for name in names:
        if name not in FAULTS:
            raise ConfigError(f'no fault named "{name}" (known: {", ".join(FAULTS)})')


def _is_built(folder: Path, faults: Sequence[str]) -> bool:
    """Whether this demo lies there already; raises ConfigError where something else does."""
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; name a new or empty folder")
    if (folder / STATE).is_file():
        built = json.loads((folder / STATE).read_text(encoding="utf-8"))["faults"]
        if built == list(faults):
            return True
        raise ConfigError(
            f"{folder}: holds a demo with other faults ({', '.join(built) or 'none'}); "
            "name another folder"
        )
    if any(folder.iterdir()):
        raise ConfigError(f"{folder}: is not empty and no demo; name a new or empty folder")
    return False


def demo_world(now: datetime, *, seed: int, days: int) -> World:
    """The world of a demo whose log ends at the last candle closed at `now`."""
    last = TIMEFRAME.last_closed(now)
    first = last - timedelta(days=days) + TIMEFRAME.length
    return make_world(seed, first, last, lookback_bars=LOOKBACK_BARS)


def _write(folder: Path, world: World, faults: Sequence[str], size: int) -> None:
    plan = inject(demo_plan(world), world, faults, size=size, seed=world.seed)
    journal = run_bot(world, plan)
    write_bundles(folder, plan.bundles)
    for path, source in plan.code.items():
        write_text(folder / path, source)
    _write_candle_files(folder, world, plan)
    if faults:  # a workspace that shows a fault has no second story in its layout
        write_feature_log(folder, plan, journal)
    else:
        write_drifting_log(folder, world, plan, journal)
        plan = _with_more_backtests(folder, world, plan)
    write_signal_logs(folder, plan, journal.emitted)
    _add_chatter(folder / TEXT_LOG)
    if not faults:  # the bot was stopped while it wrote of its last candle
        cut_last_line(max((folder / FEATURE_FOLDER).iterdir()))
        cut_last_line(folder / TEXT_LOG)
    write_config(folder, plan)
    write_text(folder / STATE, json.dumps(_state(world, faults), indent=1) + "\n")


def _state(world: World, faults: Sequence[str]) -> Mapping[str, Any]:
    """What the live bot needs to go on."""
    return {
        "simulated": True,
        "seed": world.seed,
        "first_open": iso_z(world.market.first_open),
        "lookback_bars": world.lookback_bars,
        "faults": list(faults),
    }


def demo_plan(world: World) -> Plan:
    """The demo bot: two bundles one after the other, signals in the feature log and in text."""
    plan = clean_plan(world, signal_logs=("feature_log", "text"))
    switch = redeployment(world)
    moment = world.market.opens[switch].to_pydatetime()
    share = (switch - world.first) / len(world.positions)
    return (
        replace(
            plan,
            scoring=replace(plan.scoring, bundles=((0.0, "momentum_v1"), (share, "momentum"))),
            is_down=holes(world),
            counts_candles=True,
            names_bundle=True,
        )
        .configured(
            deployments=[
                {"bundle": "bundles/momentum_v1", "from": deployed_from(world), "until": moment},
                {"bundle": "bundles/momentum", "from": moment},
            ],
            candles=[{"name": "exchange", "paths": ["data/exchange_5m*.csv"]}],
        )
        .backtest(name=f"backtest-{LOOKBACK_BARS}")
    )


def _write_candle_files(folder: Path, world: World, plan: Plan) -> None:
    for path, candles in plan.candle_files.items():
        write_candles(folder / path, needed_history(candles, world, plan))
    # an earlier pull of the same candles, whose last row was still open
    end = outage_start(world)
    pull = needed_history(world.candles.head(end + 1), world, plan).copy()
    unfinished = world.market.candles(STEPS // 2).loc[end, list(OHLCV)]
    pull.loc[pull.index[-1], list(OHLCV)] = unfinished.to_numpy()
    write_candles(folder / "data/exchange_5m_earlier.csv", pull)


def _with_more_backtests(folder: Path, world: World, plan: Plan) -> Plan:
    """The story: a backtest with half the history first, the true one, a frame, an export."""
    (true,) = plan.bot["backtests"]
    short = {**true, "name": f"backtest-{SHORT_BARS}", "lookback_bars": SHORT_BARS}
    frame = {**true, "name": f"frame-{LOOKBACK_BARS}", "mode": "frame"}
    _write_export(folder, world, plan)
    export = {
        "name": f"research-{EXPORT_BARS}",
        "signals": "exports/research_signals.csv",
        "features": "exports/research_features.csv",
        "candle_open": "timestamp",
        "zone": "UTC",
    }
    return plan.configured(backtests=[short, true, frame, export])


def _write_export(folder: Path, world: World, plan: Plan) -> None:
    """What a research notebook exported: other history, the live models, the last days."""
    rows = round(_EXPORT_DAYS * TIMEFRAME.bars_per_day)
    frame = pipeline_frame(world.candles)
    whole = compute_windows(frame, world.positions, EXPORT_BARS)
    long, short = probabilities(world, plan, Vectors(world.opens, FEATURES, whole))
    times = pd.Series(world.opens).dt.strftime("%Y-%m-%d %H:%M:%S")
    closes = frame["close"].to_numpy()[world.positions]
    signals = pd.DataFrame({"timestamp": times, "long": long, "short": short, "price": closes})
    features = pd.DataFrame(whole, columns=list(FEATURES))
    features.insert(0, "timestamp", times)
    (folder / "exports").mkdir()
    for name, table in (("signals", signals), ("features", features)):
        path = folder / f"exports/research_{name}.csv"
        table.tail(rows).to_csv(path, index=False, lineterminator="\n")


def _add_chatter(path: Path) -> None:
    """What else a bot's text log holds: a banner and heartbeats."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    stamp = lines[0][:23]
    banner = [
        f"{stamp} - INFO - {'=' * 60}\n",
        f"{stamp} - INFO - DEMO BOT (SIMULATED MARKET, NO REAL ORDERS) - STARTING\n",
    ]
    beats = np.arange(60, len(lines), 60)
    for beat in beats[::-1].tolist():
        lines.insert(beat, f"{lines[beat][:23]} - INFO - Heartbeat: loop alive, position none\n")
    write_text(path, "".join([*banner, *lines]))
