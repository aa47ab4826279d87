"""Seeded comparisons: the other side's signals, the pairs, and what waits to be recomputed."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.alignment.day_block import roll_up
from core.alignment.pairs import judge_pairs, pair_signals
from core.alignment.writes import write_days, write_pairs
from core.market import Origin
from core.recompute.reads import WholeCoverage, coverage_step
from core.signals.writes import ensure_series, upsert_signals
from core.storage import tables
from core.storage.sql import raw
from core.storage.watermarks import write_watermark
from core.times import to_us, us_from_index
from tests.dashboard.seed_plan import BACKTEST, Plan
from tests.factories import rules
from tests.stored_rows import ensure_layout, insert


def store_comparison(
    connection: sa.Connection,
    bot_id: int,
    plan: Plan,
    name: str,
    production: pd.DataFrame,
    other: pd.DataFrame,
    run_id: int,
    bundle_id: int,
) -> None:
    """The other side's signals and their pairs with production; frames as upsert_signals takes."""
    tolerance = 1e-6 if name == "replay" else 0.1
    values = {"name": name, "position": plan.comparisons.index(name), "tolerance": tolerance}
    spec = {"lookback_bars": 600, "mode": "window"}
    comparison_id = insert(
        connection, tables.comparison, {"bot_id": bot_id, "spec": spec, **values}
    )
    origin, of = (Origin.REPLAY, "") if name == "replay" else (Origin.BACKTEST, name)
    series_id = ensure_series(connection, bot_id, origin, of)
    upsert_signals(connection, series_id, other, run_id, bundle_id)
    paired = pair_signals(production, other)
    opens = pd.DatetimeIndex(paired["candle_open"].unique())
    pairs = judge_pairs(paired, tolerance=tolerance, live_rule=rules(opens))
    _store_days(connection, comparison_id, paired, pairs)
    _store_pairs(connection, comparison_id, pairs, run_id)


def _store_days(
    connection: sa.Connection, comparison_id: int, paired: pd.DataFrame, pairs: pd.DataFrame
) -> None:
    days = [
        {**record, "day": to_us(record["day"].to_pydatetime()), "comparison_id": comparison_id}
        for record in roll_up(paired, pairs)
    ]
    write_days(connection, comparison_id, sorted({record["day"] for record in days}), days)


def _store_pairs(
    connection: sa.Connection, comparison_id: int, pairs: pd.DataFrame, run_id: int
) -> None:
    rows = pairs.assign(
        candle_open=us_from_index(pairs["candle_open"]),
        decision_flip=pairs["decision_flip"].astype("bool"),
        comparison_id=comparison_id,
        production_origin=str(Origin.EMITTED),
        run_id=run_id,
    ).rename(columns={"probability_production": "production", "probability_backtest": "backtest"})
    records = [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
    write_pairs(connection, comparison_id, records, ())


def store_queue(
    connection: sa.Connection, bot_id: int, plan: Plan, opens: pd.DatetimeIndex
) -> None:
    """Rows of the backtest for each n-th candle, and its account of what is still to come."""
    series_id = ensure_series(connection, bot_id, Origin.BACKTEST, BACKTEST)
    layout_id = ensure_layout(connection, bot_id, ["feature_0"], kind="backtest")
    covered = opens[:: plan.recomputed_every]
    fixed = {
        "layout_id": layout_id, "vector": np.zeros(1).tobytes(), "content_key": "key",
        "is_provisional": False,
    }  # fmt: skip
    rows = [
        {"series_id": series_id, "candle_open": opened, **fixed}
        for opened in us_from_index(covered).tolist()
    ]
    connection.execute(sa.insert(raw(tables.backtest_row)), rows)
    coverage = WholeCoverage(
        wanted=len(opens),
        covered=len(covered),
        pending=len(opens) - len(covered),
        absent={},
        provisional=0,
        with_gaps=0,
        pipeline_hash="hash",
    )
    write_watermark(connection, bot_id, coverage_step(BACKTEST), {"coverage": asdict(coverage)})
