"""One cycle of one bot: ingest → re-run → pair → diagnose, the steps in order.

Every step works on what is stored, so a step that fails does not stop the others,
and every step may run twice.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from core.bots import ensure_bot
from core.context import Context, Progress
from core.settings import BacktestSettings, BotSettings, FeatureLogSettings, Mode
from core.storage.runs import Run, recorded_run

_LOG = logging.getLogger(__name__)
# Counts of what was looked at, not of what changed.
_LOOKED_AT = {"files", "days", "candles_covered", "covered", "wanted"}

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded step; `work(context)` returns its report, a dataclass, or None."""

    name: str
    work: Callable[[Context], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleReport:
    """What a cycle did: each step's details, and the sentences of those that failed."""

    bot: str
    details: dict[str, dict[str, Any]]
    failures: dict[str, str]

    @property
    def is_failed(self) -> bool:
        return bool(self.failures)


def run_cycle(
    engine: sa.Engine,
    bot: BotSettings,
    *,
    clock: Clock,
    steps: Sequence[Step] | None = None,
    progress: Progress | None = None,
) -> CycleReport:
    """One full cycle of one bot; a failed step is recorded and the next one runs.

    Raises StorageError where the bot itself cannot be stored.
    """
    with engine.begin() as connection:
        bot_id = ensure_bot(connection, bot.name, bot.timeframe)
    details: dict[str, dict[str, Any]] = {}
    failures: dict[str, str] = {}
    for step in configured_steps(bot) if steps is None else steps:
        context = Context(engine=engine, bot_id=bot_id, bot=bot, now=clock(), progress=progress)
        run = _recorded(context, step)
        details[step.name] = run.details
        if run.error is not None:
            failures[step.name] = run.error
    return CycleReport(bot=bot.name, details=details, failures=failures)


def configured_steps(bot: BotSettings) -> list[Step]:
    """The steps that this bot's configuration asks for, in order."""
    steps = []
    if bot.feature_log is not None:
        steps.append(Step("ingest features", partial(_ingest_features, bot.feature_log)))
    if bot.signal_log:
        steps.append(Step("ingest signals", _ingest_signals))
    if bot.candles:
        steps.append(Step("ingest candles", _ingest_candles))
    if bot.signal_log:
        steps.append(Step("check prices", _check_prices))
    if bot.feature_log is not None and (bot.bundles or bot.deployments):
        steps.append(Step("replay", _replay))
    for backtest in bot.backtests:
        work = _import_backtest if backtest.is_imported else _recompute
        verb = "import" if backtest.is_imported else "recompute"
        steps.append(Step(f"{verb} {backtest.name}", partial(work, backtest)))
    steps.append(Step("pair", _pair))
    if bot.comparisons:
        steps.append(Step("diagnose", _diagnose))
    return steps


def _recorded(context: Context, step: Step) -> Run:
    with recorded_run(context.engine, context.bot_id, step.name, context.now) as run:
        report = step.work(replace(context, run_id=run.id))
        run.details.update(_details(report))
        run.is_idle = _is_idle(report)
        if not run.is_idle:
            _LOG.info("%s: %s: %s", context.bot.name, step.name, _counts(report))
        for problem in run.details.get("problems", ()):
            _LOG.warning("%s: %s: %s", context.bot.name, step.name, problem)
    if run.error is not None:
        _LOG.error("%s: %s failed: %s", context.bot.name, step.name, run.error)
    return run


def _details(report: Any) -> dict[str, Any]:
    if report is None:
        return {}
    return {name: _plain(value) for name, value in asdict(report).items()}


def _plain(value: Any) -> Any:
    """The value as JSON keeps it; times and long lists become text and counts."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value[:100]]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _counters(report: Any) -> dict[str, int]:
    if report is None:
        return {}
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    return {name: value for name, value in values.items() if type(value) is int}


def _counts(report: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in _counters(report).items() if value)


def _is_idle(report: Any) -> bool:
    return not any(value for name, value in _counters(report).items() if name not in _LOOKED_AT)


def _ingest_features(log: FeatureLogSettings, context: Context) -> Any:
    from core.feature_log.ingest import ingest_feature_logs

    return ingest_feature_logs(context, log)


def _ingest_signals(context: Context) -> Any:
    from core.signal_log.ingest import ingest_signal_logs

    return ingest_signal_logs(context)


def _ingest_candles(context: Context) -> Any:
    from core.candles.ingest import ingest_candles

    return ingest_candles(context)


def _check_prices(context: Context) -> Any:
    from core.signal_log.price_check import check_prices

    return check_prices(context)


def _replay(context: Context) -> Any:
    from core.scoring.replay import replay_logged

    return replay_logged(context)


def _import_backtest(backtest: BacktestSettings, context: Context) -> Any:
    from core.recompute.imported import import_backtest

    return import_backtest(context, backtest)


def _recompute(backtest: BacktestSettings, context: Context) -> Any:
    """What a recomputation leaves of its budget goes into the lookback sensitivity."""
    from core.features.sensitivity_report import refresh_sensitivity
    from core.recompute.recompute import recompute_backtest
    from core.recompute.source_closure import remembered_sources

    begin = time.monotonic()
    with remembered_sources(context.engine, context.bot_id):
        report = recompute_backtest(context, backtest)
        left_s = backtest.budget_s - (time.monotonic() - begin)
        if not report.coverage.pending and backtest.mode is Mode.WINDOW and left_s > 0:
            refresh_sensitivity(context, backtest, budget_s=left_s)
    return report


def _pair(context: Context) -> Any:
    from core.alignment.pairing import pair_bot

    return pair_bot(context)


def _diagnose(context: Context) -> Any:
    from core.diagnosis.diagnose import diagnose_bot

    return diagnose_bot(context)
