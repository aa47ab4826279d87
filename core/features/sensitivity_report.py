"""The ladder over what is stored of a bot: the sample is what it logged."""

from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from core.bundle.deployments import rule_at
from core.candles.reads import default_source, read_candles
from core.context import Context
from core.errors import ConfigError
from core.feature_log.reads import logged_opens, read_vectors
from core.features.ladder import lookback_ladder
from core.features.sensitivity import (
    SensitivityReport,
    choose_sample,
    lookback_sensitivity,
)
from core.recompute.pipeline import load_pipeline
from core.recompute.reads import read_sensitivity, sensitivity_step
from core.recompute.recompute_job import request_of
from core.recompute.stored_cache import StoredCache
from core.recompute.windows import as_index
from core.scoring.recomputed_rows import scorer_of
from core.settings import BacktestSettings
from core.signals.reads import production_signals
from core.storage.engine import snapshot
from core.storage.watermarks import write_watermark
from core.times import iso_z

SAMPLE_CANDLES = 24
_SLOW_SAMPLE_CANDLES = 6
_MADE_ANEW = timedelta(days=1)
_LOOKED_AGAIN = timedelta(hours=1)  # where no logged candle had enough history


def sensitivity_of(
    context: Context,
    backtest: BacktestSettings,
    *,
    from_: datetime | None = None,
    until: datetime | None = None,
    size: int = SAMPLE_CANDLES,
    ladder: tuple[int, ...] | None = None,
    is_short: bool = False,
    budget_s: float | None = None,
    executor: Executor | None = None,
) -> SensitivityReport:
    """The ladder for one configured backtest's pipeline over logged candles of a window.

    Without a ladder: the lookbacks of all backtests, steps around them, and
    usual ones (not if is_short), as far as the candles reach. Raises ConfigError for an imported
    backtest and PipelineError as recomputation does.
    """
    if backtest.pipeline is None:
        raise ConfigError(f'backtest "{backtest.name}" is imported: it has no pipeline to run')
    bot, bot_id = context.bot, context.bot_id
    request = request_of(bot, backtest)
    if budget_s is not None:
        request = replace(request, budget_s=budget_s)
    source = default_source(backtest.candles, tuple(entry.name for entry in bot.candles))
    with snapshot(context.engine) as conn:
        candles = read_candles(conn, bot_id, source)
        opens = logged_opens(conn, bot_id, from_, until)
        production = production_signals(conn, bot_id, from_, until)
        usable = opens[opens.isin(candles["candle_open"])]
        configured = [
            backtest.lookback_bars
            for backtest in bot.backtests
            if backtest.lookback_bars is not None
        ]
        reach = _history_bars(candles, usable)
        rungs = ladder or lookback_ladder(reach, configured, is_short=is_short)
        # Only candles with the longest rung's history, so that every rung sees the same sample.
        deep = usable[usable.isin(candles["candle_open"].iloc[max(rungs, default=1) - 1 :])]
        sample = choose_sample(deep, size)
        logged = _logged(conn, bot_id, sample)
    return lookback_sensitivity(
        request,
        candles,
        logged,
        rungs,
        now=context.now,
        scorer=scorer_of(bot, backtest),
        production=production[["candle_open", "side", "probability"]],
        thresholds=lambda times: rule_at(bot, times),
        executor=executor,
        cache=(
            None
            if request.pipeline.is_reference
            else StoredCache(context.engine, bot_id, context.now)
        ),
    )


def refresh_sensitivity(
    context: Context,
    backtest: BacktestSettings,
    *,
    budget_s: float,
    executor: Executor | None = None,
) -> dict[str, Any] | None:
    """Keep the report of a comparison: made anew a day later, or when what it rests on changed.

    A slow pipeline takes fewer candles and rungs, and goes on in later cycles
    from what is cached until the ladder is whole. None: the kept one still stands.
    """
    bot_id, now = context.bot_id, context.now
    pipeline = load_pipeline(backtest.pipeline or "", context.bot.pipeline_path)
    mark = [pipeline.hash, backtest.candles, backtest.lookback_bars]
    with snapshot(context.engine) as conn:
        kept: dict[str, Any] = read_sensitivity(conn, bot_id, backtest.name) or {}
    made_at = kept.get("made_at", iso_z(now))
    lasts = _MADE_ANEW if kept.get("report", {}).get("sample") else _LOOKED_AGAIN
    if kept.get("mark") != mark or now - datetime.fromisoformat(made_at) >= lasts:
        kept = {}
    if kept.get("is_whole"):
        return None
    until = kept.get("until", iso_z(now))
    report = sensitivity_of(
        context,
        backtest,
        until=datetime.fromisoformat(until),
        size=SAMPLE_CANDLES if pipeline.is_reference else _SLOW_SAMPLE_CANDLES,
        is_short=not pipeline.is_reference,
        budget_s=budget_s,
        executor=executor,
    )
    document = {
        "mark": mark,
        "made_at": kept.get("made_at", iso_z(now)),
        "until": until,
        "is_whole": not report.pending,
        "report": sensitivity_document(report),
    }
    with context.engine.begin() as conn:
        write_watermark(conn, bot_id, sensitivity_step(backtest.name), document)
    return document


def sensitivity_document(report: SensitivityReport) -> dict[str, Any]:
    """The report as JSON keeps it; what cannot be known is null."""
    return {
        "ladder": list(report.ladder),
        "sample": [iso_z(moment) for moment in report.sample.to_pydatetime()],
        "features": _records(report.features),
        "signals": _records(report.signals),
        "matching_lookbacks": list(report.matching_lookbacks),
        "true_lookback": report.true_lookback,
        "missing": {str(bars): count for bars, count in report.missing.items()},
        "pending": report.pending,
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    known = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in known.to_dict("records")]


def _history_bars(candles: pd.DataFrame, opens: pd.DatetimeIndex) -> int:
    """Candles up to the middle logged one: half of the sample's window has that much history."""
    if candles.empty or not len(opens):
        return 0
    middle = opens[len(opens) // 2]
    return int((candles["candle_open"] <= middle).sum())


def _logged(conn: sa.Connection, bot_id: int, sample: pd.DatetimeIndex) -> pd.DataFrame:
    """Logged features of the sampled candles; a column that a layout lacks is left out."""
    if not len(sample):
        return pd.DataFrame(index=sample)
    end = sample[-1].to_pydatetime() + pd.Timedelta(microseconds=1).to_pytimedelta()
    parts = []
    for block in read_vectors(conn, bot_id, sample[0].to_pydatetime(), end):
        frame = pd.DataFrame(
            block.matrix, index=as_index(block.candle_opens), columns=list(block.columns)
        )
        parts.append(frame.loc[frame.index.isin(sample), ~frame.columns.duplicated()])
    return pd.concat([part for part in parts if len(part)], join="inner")
