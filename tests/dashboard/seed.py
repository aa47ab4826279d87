"""A database as the collector leaves it, filled through the tables, and its align.toml.

Values come from a seed: LONG and SHORT walk between 0 and 1, the backtest differs a
little everywhere and much on `flagged` candles, gaps lie where the caller says.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from core.bots import ensure_bot
from core.candles.writes import ensure_source, store_candles
from core.market import Origin
from core.signals.writes import ensure_series, upsert_signals
from core.storage import tables
from core.storage.engine import migrate, writer_engine
from tests.dashboard.seed_diagnosis import store_planned_diagnosis
from tests.dashboard.seed_log import store_log
from tests.dashboard.seed_market import backtest_of, prices, signals
from tests.dashboard.seed_pairs import store_comparison, store_queue
from tests.dashboard.seed_plan import BACKTEST, FRAME, Plan
from tests.databases import database_url
from tests.stored_rows import insert


def seed_database(file: Path, plans: Sequence[Plan] = (Plan(),)) -> sa.Engine:
    """Make the database at `file` and fill it; returns a writer engine."""
    engine = writer_engine(database_url(file))
    migrate(engine)
    for plan in plans:
        with engine.begin() as connection:
            _fill(connection, plan)
    return engine


def write_config(folder: Path, plans: Sequence[Plan] = (Plan(),), more: str = "") -> Path:
    """An align.toml beside the database of `seed_database`."""
    lines = [f'database_url = "{database_url(folder / "align.db")}"', 'display_zone = "Asia/Seoul"']
    lines.append(more)
    for plan in plans:
        lines += ["[[bots]]", f"name = {json.dumps(plan.bot)}", 'timeframe = "5m"']
        lines += ['exchange = "simulated"', 'symbol = "BTC/USDT:USDT"']
        lines += ["[bots.feature_log]", 'paths = ["logs/*.csv"]', 'logged_at = "logged_at"']
        if "replay" in plan.comparisons:
            lines += ["[[bots.signal_log]]", 'name = "columns"', 'format = "feature_log"']
        for name in plan.comparisons:
            if name != "replay":
                lines += ["[[bots.backtests]]", f"name = {json.dumps(name)}"]
                lines += ['pipeline = "reference"', "lookback_bars = 600"]
    config = folder / "align.toml"
    config.write_text("\n".join(lines), encoding="utf-8")
    return config


def _fill(connection: sa.Connection, plan: Plan) -> None:
    chosen = np.random.default_rng(7)
    bot_id = ensure_bot(connection, plan.bot, FRAME.text)
    run_id = _runs(connection, bot_id, plan)
    logged = np.delete(np.arange(len(plan.opens)), [g for g in plan.gaps if g < len(plan.opens)])
    opens = plan.opens[logged]
    market = prices(chosen, len(plan.opens))
    store_log(connection, bot_id, plan, chosen, opens, market.iloc[logged])
    candles = market.assign(candle_open=plan.opens)
    source_id = ensure_source(connection, bot_id, "simulated")
    store_candles(connection, source_id, candles, origin="a.csv", now=plan.now)
    production = signals(chosen, opens)
    flagged = plan.opens[[place for place in plan.flagged if place < len(plan.opens)]]
    bundle_id = _bundle(connection, plan)
    emitted = ensure_series(connection, bot_id, Origin.EMITTED)
    upsert_signals(connection, emitted, production, run_id, bundle_id)
    for name in plan.comparisons:
        noise = 0.0 if name == "replay" else 0.03 if name.endswith("300") else 0.01
        other = backtest_of(chosen, production, noise, flagged)
        if name == BACKTEST and plan.recomputed_every > 1:
            store_queue(connection, bot_id, plan, opens)
            other = other[other["candle_open"].isin(opens[:: plan.recomputed_every])]
        store_comparison(connection, bot_id, plan, name, production, other, run_id, bundle_id)
    store_planned_diagnosis(connection, bot_id, plan)


def _runs(connection: sa.Connection, bot_id: int, plan: Plan) -> int:
    """One finished run of every step; returns the id of the last one."""
    steps = ("features", "signals", "candles", "replay", "pair", "diagnose")
    rows = []
    for number, step in enumerate(steps):
        began = plan.now - timedelta(seconds=30 - number)
        ended = began + timedelta(milliseconds=400 + 100 * number)
        times = {"started_at": began, "finished_at": ended}
        said = {"outcome": "done", "details": {"rows": 12 * number}}
        rows.append({"bot_id": bot_id, "step": step, **times, **said})
    return insert(connection, tables.run, *rows)


def _bundle(connection: sa.Connection, plan: Plan) -> int:
    named = {"name": "demo_20251024", "path": "/bundles/demo_20251024"}
    digest = hashlib.sha256(plan.bot.encode()).hexdigest()
    manifest = {"name": "demo_20251024"}
    return insert(connection, tables.bundle, {"hash": digest, "manifest": manifest, **named})
