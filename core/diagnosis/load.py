"""Everything stored that speaks of one comparison in one window → Evidence."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from core.candles.reads import default_source
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.load_inputs import (
    Margins,
    load_bundles,
    load_candles,
    load_imported,
    load_logged,
    load_unfinished,
    places_of_live,
    rules_of,
)
from core.diagnosis.evidence.load_signals import load_account, load_prices, load_sides
from core.diagnosis.lab.pipelines import known_pipelines
from core.diagnosis.lab.recomputing import TIME_LIMIT_S, Recomputer
from core.diagnosis.lab.reproduction import with_stored_features
from core.errors import ConfigError
from core.feature_log.reads import layout_changes
from core.market import REPLAY
from core.recompute.worker_pool import WorkerPool
from core.settings import BacktestSettings, BotSettings
from core.times import to_us


def load_evidence(
    connection: sa.Connection,
    bot_id: int,
    bot: BotSettings,
    *,
    comparison: str,
    from_: datetime | None,
    until: datetime | None,
    make_executor: Callable[[], Executor] | None = None,
) -> Evidence:
    """The evidence of a window; raises ConfigError for a comparison that is not configured."""
    backtest = _backtest(bot, comparison)
    margins = Margins(bot.frame, from_, until)
    bundles, problems = load_bundles(bot)
    evidence = _without_backtest(connection, bot_id, bot, comparison, backtest, margins)
    evidence = replace(
        evidence,
        bundles=tuple(bundle for _, bundle in bundles),
        live=places_of_live(bot, evidence.opens, [path for path, _ in bundles]),
        problems=problems,
    )
    if backtest is None:
        return evidence
    evidence = replace(evidence, backtest_bundle=_place(bundles, backtest.bundle))
    stored = load_imported(connection, bot_id, comparison, margins)
    if backtest.is_imported:
        return replace(evidence, imported=stored)
    return with_stored_features(_recomputable(evidence, backtest, make_executor), stored)


def _without_backtest(
    connection: sa.Connection,
    bot_id: int,
    bot: BotSettings,
    comparison: str,
    backtest: BacktestSettings | None,
    margins: Margins,
) -> Evidence:
    """Signals, prices, logged features and candles: what every comparison has."""
    kind = _kind(backtest)
    sides = load_sides(connection, bot_id, kind, comparison, margins)
    logged, logged_at = load_logged(connection, bot_id, margins)
    candles = load_candles(connection, bot_id, bot, margins)
    return Evidence(
        bot=bot,
        timeframe=bot.frame,
        comparison=comparison,
        kind=kind,
        from_=margins.from_,
        until=margins.until,
        opens=sides.opens,
        production=sides.production,
        production_step=sides.production_step,
        emitted=sides.emitted,
        replay=sides.replay,
        other=sides.other,
        other_step=sides.other_step,
        stored=sides.stored,
        prices=load_prices(connection, bot_id, bot, margins, logged, candles),
        other_prices=sides.other_prices,
        logged=logged,
        logged_at=logged_at,
        candles=candles,
        unfinished=load_unfinished(connection, bot_id, bot, margins),
        backtest=backtest,
        tolerance=_tolerance(bot, backtest),
        edges=_edges(connection, bot_id, bot),
        account=load_account(connection, bot_id, bot),
        rules=rules_of(bot, backtest, sides.opens),
    )


def _recomputable(
    evidence: Evidence,
    backtest: BacktestSettings,
    make_executor: Callable[[], Executor] | None,
) -> Evidence:
    """The evidence with what re-runs the backtest: its source, its code, its siblings."""
    bot = evidence.bot
    source = default_source(backtest.candles, tuple(entry.name for entry in bot.candles))
    recompute = Recomputer(bot.pipeline_path, bot.frame, make_executor or _pool)
    return replace(
        evidence,
        source=source,
        pipelines=known_pipelines(bot, str(backtest.pipeline)),
        recompute=recompute if source in evidence.candles else None,
    )


def _pool() -> Executor:
    return WorkerPool(time_limit_s=TIME_LIMIT_S)


def _backtest(bot: BotSettings, comparison: str) -> BacktestSettings | None:
    if comparison == REPLAY:
        return None
    for backtest in bot.backtests:
        if backtest.name == comparison:
            return backtest
    known = ", ".join((REPLAY, *(backtest.name for backtest in bot.backtests)))
    raise ConfigError(f'no comparison named "{comparison}" for {bot.name} (known: {known})')


def _kind(backtest: BacktestSettings | None) -> Kind:
    if backtest is None:
        return Kind.REPLAY
    return Kind.IMPORTED if backtest.is_imported else Kind.RECOMPUTED


def _tolerance(bot: BotSettings, backtest: BacktestSettings | None) -> float | None:
    return bot.replay_tolerance if backtest is None else backtest.tolerance


def _place(bundles: Sequence[tuple[str, object]], path: str | None) -> int | None:
    paths = [known for known, _ in bundles]
    return paths.index(path) if path in paths else None


def _edges(connection: sa.Connection, bot_id: int, bot: BotSettings) -> tuple[int, ...]:
    """Deployment edges and layout changes, as candle opens."""
    step = bot.frame.length_us
    edges = [to_us(entry.since) - step for entry in bot.deployments]
    edges += [to_us(entry.until) - step for entry in bot.deployments if entry.until is not None]
    changed = layout_changes(connection, bot_id)["candle_open"].tolist()
    edges += [to_us(moment) for moment in changed]
    return tuple(sorted(set(edges)))
