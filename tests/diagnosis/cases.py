"""Evidence of a simulated installation, made in memory: the demo's bot without its files."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from core.bundle.load import load_bundle
from core.diagnosis.evidence.evidence import Evidence, Kind, LogAccount, PriceRows
from core.diagnosis.evidence.load_inputs import rules_of
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.diagnosis.lab.recomputing import Recomputer
from core.diagnosis.lab.trial import Laboratory
from core.recompute.worker_pool import WorkerPool
from core.settings import BotSettings
from core.times import us_from_index
from demo.bot import Journal, run_bot
from demo.bot_files import needed_history, write_bundles
from demo.faults import inject
from demo.plan import Plan, clean_plan
from demo.simulated_market import simulate_market
from demo.simulation import TIMEFRAME, World, make_world

FIRST = datetime(2026, 3, 2, tzinfo=UTC)


@cache
def small_world(seed: int = 1, days: int = 3) -> World:
    """A market with trained models, so many days of log; models are trained once a seed."""
    if days == 1:
        return make_world(seed, FIRST, FIRST + timedelta(days=1) - timedelta(minutes=5))
    one_day = small_world(seed, 1)
    bars = one_day.market.bars + round((days - 1) * TIMEFRAME.bars_per_day)
    market = simulate_market(seed, one_day.market.opens[0].to_pydatetime(), bars, TIMEFRAME)
    return replace(one_day, market=market)


def make_evidence(*faults: str, size: int = 1, seed: int = 1, days: int = 3) -> Evidence:
    """What the diagnosis would load for the first backtest of a bot with these faults."""
    world = small_world(seed, days)
    plan = inject(clean_plan(world), world, faults, size=size, seed=seed)
    return evidence_of(world, plan, run_bot(world, plan))


def evidence_of(world: World, plan: Plan, journal: Journal) -> Evidence:
    folder = Path(mkdtemp())
    write_bundles(folder, plan.bundles)
    for path, source in plan.code.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(source)
    bundles = tuple(load_bundle(folder / "bundles" / name) for name in plan.bundles)
    table = {**plan.bot, "pipeline_path": [str(folder / "code")]}
    bot = BotSettings.model_validate(table)
    backtest = bot.backtests[0]
    emitted = journal.emitted.drop_duplicates("candle_open").sort_values("candle_open")
    opens = us_from_index(emitted["candle_open"])
    production = emitted[["long", "short"]].to_numpy("float64")
    candles = {
        entry["name"]: CandleRows.from_frame(
            needed_history(plan.candle_files[entry["paths"][0]], world, plan)
        )
        for entry in plan.bot["candles"]
    }
    log_opens = us_from_index(journal.vectors.opens)
    candles["feature_log"] = CandleRows(log_opens, journal.ohlcv)
    unknown = np.full(production.shape, np.nan)
    evidence = Evidence(
        bot=bot,
        timeframe=bot.frame,
        comparison=backtest.name,
        kind=Kind.RECOMPUTED,
        from_=None,
        until=None,
        opens=opens,
        production=production,
        production_step=unknown,
        emitted=production,
        replay=unknown,
        other=unknown,
        other_step=unknown,
        stored=FeatureRows(opens, ("LONG", "SHORT"), unknown),
        prices=PriceRows(
            log="signals",
            opens=opens,
            prices=emitted["price"].to_numpy(),
            steps=unknown[:, 0],
            written=us_from_index(emitted["logged_at"]),
        ),
        logged=FeatureRows(log_opens, journal.vectors.columns, journal.vectors.matrix),
        logged_at=us_from_index(journal.logged_at),
        candles=candles,
        bundles=bundles,
        live=np.zeros(len(opens), dtype="int64"),
        backtest=backtest,
        source=backtest.candles,
        pipelines=tuple(dict.fromkeys([str(backtest.pipeline), "reference", *_specs(plan)])),
        recompute=Recomputer(bot.pipeline_path, bot.frame, _pool),
        max_candles=None if plan.compute is None else 144,
        account=LogAccount(label_zone="UTC"),
        rules=rules_of(bot, backtest, opens),
    )
    return _with_both_sides(evidence)


def _specs(plan: Plan) -> list[str]:
    return [f"{Path(path).stem}:compute" for path in plan.code]


def _pool() -> WorkerPool:
    return WorkerPool(2, time_limit_s=60)


def _with_both_sides(evidence: Evidence) -> Evidence:
    """With the stored backtest and replay, as the configuration gives them."""
    everywhere = np.arange(len(evidence.opens))
    other = Laboratory(evidence).probabilities((), everywhere)
    replayed = Laboratory(replace(evidence, kind=Kind.REPLAY)).probabilities((), everywhere)
    return replace(
        evidence,
        other=other,
        replay=replayed,
        stored=FeatureRows(evidence.opens, ("LONG", "SHORT"), other),
    )
