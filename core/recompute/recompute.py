"""The backtest side of a comparison, brought up to date: compute what lacks, score, store."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from core.context import Context
from core.errors import BundleError
from core.recompute.compute import recompute_batches, recompute_features
from core.recompute.forgetting import StoredProofs
from core.recompute.order import FLAGGED
from core.recompute.reads import WholeCoverage, flagged_opens
from core.recompute.recompute_job import RecomputeJob
from core.recompute.recomputed import Recomputed
from core.recompute.spot_check import is_check_due, spot_check
from core.recompute.stored_cache import StoredCache
from core.settings import BacktestSettings
from core.storage.engine import snapshot

__all__ = ["RecomputeReport", "Recomputed", "recompute_backtest", "recompute_features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeReport:
    """What one cycle did for one comparison; the coverage speaks of all cycles together.

    computed: rows stored. signals: signals stored. without_row: candles that
    got a reason instead. removed: candles that left the comparison. traceback:
    of the first failure inside the pipeline.
    """

    computed: int
    signals: int
    without_row: int
    removed: int
    coverage: WholeCoverage
    pipeline: Mapping[str, object]
    request: Mapping[str, object]
    problems: tuple[str, ...]
    traceback: str | None


def recompute_backtest(
    context: Context, backtest: BacktestSettings, *, executor: Executor | None = None
) -> RecomputeReport:
    """Recompute what is new, changed or was not reached yet, within the backtest's budget.

    Covers the candles of the production side, or all of the candle source
    where there is none. Each batch is stored with its signals in one
    transaction. Raises PipelineError where the pipeline cannot be used, and
    BundleError for a live bundle that cannot be opened, after storing the rest.
    """
    job = RecomputeJob.open(context, backtest)
    job.forget_strangers()
    job.rescore()
    kept = StoredCache(context.engine, context.bot_id, context.now)
    kept.prune()
    proofs = StoredProofs(context.engine, context.bot_id)
    cache = None if job.request.pipeline.is_reference else kept
    try:
        todo = job.due()
        for batch in recompute_batches(
            job.request,
            job.grid,
            todo,
            now=context.now,
            executor=executor,
            cache=cache,
            proofs=proofs,
        ):
            job.store(batch)
        if cache is not None and is_check_due(job.request, proofs, context.now):
            spot_check(
                job.request,
                *job.everything(),
                _flagged(context),
                now=context.now,
                executor=executor,
                cache=cache,
                proofs=proofs,
            )
    finally:
        coverage = job.keep_coverage()
    if job.scorer.refused:
        raise BundleError("; ".join(job.scorer.refused))
    return RecomputeReport(
        computed=job.computed,
        signals=job.signals,
        without_row=job.without_row,
        removed=job.removed,
        coverage=coverage,
        pipeline=job.request.pipeline.document(),
        request={**job.request.document(), "candles": job.source},
        problems=job.problems,
        traceback=job.traceback,
    )


def _flagged(context: Context) -> list[int]:
    with snapshot(context.engine) as connection:
        return flagged_opens(connection, context.bot_id, FLAGGED)
