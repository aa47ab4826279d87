"""Everything stored that speaks of one comparison in one window → Evidence."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from core.arrays import Ints
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
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.diagnosis.lab.pipelines import known_pipelines
from core.diagnosis.lab.recomputing import Recomputer
from core.diagnosis.lab.reproduction import Reproduction, reproduce
from core.errors import ConfigError
from core.feature_log.reads import layout_changes
from core.market import REPLAY
from core.recompute.compute import VectorCache
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
    cache: VectorCache | None = None,
) -> Evidence:
    """The evidence of a window; raises ConfigError for a comparison that is not configured.

    `cache`: what a trader's own code gave before, by content.
    """
    backtest = _backtest(bot, comparison)
    kind, margins = _kind(backtest), Margins(bot.frame, from_, until)
    bundles, unread = load_bundles(bot)
    paths = [path for path, _ in bundles]
    sides = load_sides(connection, bot_id, kind, comparison, margins)
    logged, logged_at = load_logged(connection, bot_id, margins)
    candles = load_candles(connection, bot_id, bot, margins)
    stored = None if backtest is None else load_imported(connection, bot_id, comparison, margins)
    rerun = _rerun(bot, backtest, candles, sides.opens, stored, cache)
    return Evidence(
        bot=bot,
        timeframe=bot.frame,
        comparison=comparison,
        kind=kind,
        from_=from_,
        until=until,
        opens=sides.opens,
        production=sides.production,
        production_step=sides.production_step,
        emitted=sides.emitted,
        replay=sides.replay,
        other=sides.other,
        other_step=sides.other_step,
        stored=sides.stored,
        prices=load_prices(connection, bot_id, bot, margins, logged, logged_at, candles),
        other_prices=sides.other_prices,
        logged=logged,
        logged_at=logged_at,
        imported=stored if kind is Kind.IMPORTED else None,
        candles=candles,
        unfinished=load_unfinished(connection, bot_id, bot, margins),
        bundles=tuple(bundle for _, bundle in bundles),
        live=places_of_live(bot, sides.opens, paths),
        backtest=backtest,
        backtest_bundle=None if backtest is None else _place(paths, backtest.bundle),
        source=rerun.source,
        pipelines=rerun.pipelines,
        recompute=rerun.recompute,
        tolerance=_tolerance(bot, backtest),
        edges=_edges(connection, bot_id, bot),
        account=load_account(connection, bot_id, bot),
        rules=rules_of(bot, backtest, sides.opens),
        recomputed=rerun.reproduction.stored,
        no_recompute=rerun.reproduction.too_slow,
        max_candles=rerun.reproduction.max_candles,
        problems=(*unread, *rerun.reproduction.problems),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rerun:
    """What re-runs a backtest: its source, its code and versions of it, and whether it may."""

    source: str | None = None
    pipelines: tuple[str, ...] = ()
    recompute: Recomputer | None = None
    reproduction: Reproduction = field(default_factory=Reproduction)


def _rerun(
    bot: BotSettings,
    backtest: BacktestSettings | None,
    candles: Mapping[str, CandleRows],
    opens: Ints,
    stored: FeatureRows | None,
    cache: VectorCache | None,
) -> _Rerun:
    """Nothing for a replay or an imported backtest; no code where its candles lack."""
    if backtest is None or backtest.is_imported:
        return _Rerun()
    source = default_source(backtest.candles, tuple(entry.name for entry in bot.candles))
    pipelines = known_pipelines(bot, str(backtest.pipeline))
    if source not in candles:
        return _Rerun(source=source, pipelines=pipelines)
    recompute = Recomputer(
        bot.pipeline_path,
        bot.frame,
        partial(_pool, backtest),
        time_limit_s=backtest.time_limit_s,
        cache=cache,
    )
    reproduction = reproduce(
        recompute.anew, backtest, candles[source], opens, stored, clock=lambda: recompute.cpu_s
    )
    if reproduction.too_slow is not None:
        recompute.close()
    return _Rerun(
        source=source,
        pipelines=pipelines,
        recompute=recompute if reproduction.too_slow is None else None,
        reproduction=reproduction,
    )


def _pool(backtest: BacktestSettings) -> Executor:
    """Workers under the limits of the backtest that is explained."""
    return WorkerPool(time_limit_s=backtest.time_limit_s, memory_limit_mb=backtest.memory_limit_mb)


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


def _place(paths: Sequence[str], path: str | None) -> int | None:
    return paths.index(path) if path in paths else None


def _edges(connection: sa.Connection, bot_id: int, bot: BotSettings) -> tuple[int, ...]:
    """Deployment edges and layout changes, as candle opens."""
    step = bot.frame.length_us
    edges = [to_us(entry.since) - step for entry in bot.deployments]
    edges += [to_us(entry.until) - step for entry in bot.deployments if entry.until is not None]
    changed = layout_changes(connection, bot_id)["candle_open"].tolist()
    edges += [to_us(moment) for moment in changed]
    return tuple(sorted(set(edges)))
