"""One comparison while it is being recomputed: what is stored, what is due, what comes in."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.arrays import Ints
from core.candles.reads import default_source
from core.context import Context
from core.market import Origin
from core.recompute.compute import Request, closed_grid, forgets
from core.recompute.forgetting import StoredProofs, read_proofs
from core.recompute.look import ALWAYS, Basis, Ground, Look, among
from core.recompute.order import FLAGGED, order_candles
from core.recompute.pipeline import load_pipeline
from core.recompute.reads import (
    WholeCoverage,
    coverage_step,
    flagged_opens,
    import_step,
    read_backtest_rows,
    series_opens,
    stored_absences,
    stored_keys,
    total_coverage,
)
from core.recompute.recomputed import LASTING, Collected, reason_frame
from core.recompute.windows import CandleGrid, plan_frames, stretch_key
from core.recompute.writes import (
    ensure_backtest_layout,
    forget_candles,
    replace_days,
    store_backtest_rows,
    write_coverage,
)
from core.scoring.recomputed_rows import Scorer, score_rows, scorer_of
from core.settings import BacktestSettings, BotSettings
from core.signals.reads import first_production_open, opened_bundles
from core.signals.writes import (
    ensure_bundle,
    ensure_series,
    upsert_absences,
    upsert_signals,
)
from core.storage.changes import Span
from core.storage.engine import snapshot
from core.storage.watermarks import forget_watermark, read_watermark
from core.times import DAY_US, to_us, us_from_index

# Failures that may have been the machine's: tried again, but after everything else.
_RETRIED = ("time_limit", "worker_died", "memory")


def request_of(bot: BotSettings, backtest: BacktestSettings) -> Request:
    """How a configured backtest recomputes; raises PipelineError when its pipeline is not there."""
    if backtest.pipeline is None or backtest.lookback_bars is None:
        raise ValueError(f'backtest "{backtest.name}" is imported, there is nothing to recompute')
    return Request(
        pipeline=load_pipeline(backtest.pipeline, bot.pipeline_path),
        timeframe=bot.frame,
        lookback_bars=backtest.lookback_bars,
        mode=backtest.mode,
        gap_policy=backtest.gap_policy,
        time_limit_s=backtest.time_limit_s,
        budget_s=backtest.budget_s,
        memory_limit_mb=backtest.memory_limit_mb,
    )


def _sight(
    conn: sa.Connection,
    context: Context,
    ground: Ground,
    basis: Basis,
    windows: Sequence[Span],
) -> tuple[CandleGrid, Ints]:
    """Closed candles for the frames of these windows, and which candles there are wanted."""
    grid = closed_grid(ground.candles(conn, windows), context.bot.frame, context.now)
    if basis.wants_all:
        return grid, among(grid.opens, windows)
    produced = ground.produced(conn, windows)
    return grid, produced[produced + ground.length_us <= to_us(context.now)]


def _keeps_windows(conn: sa.Connection, bot_id: int, request: Request) -> bool:
    """Whether the pipeline is known not to forget: rows that came from stretches are due again."""
    proof = read_proofs(conn, bot_id).get(request.proof_key)
    return proof is not None and bool(proof.why)


@dataclass
class RecomputeJob:
    """State of one recomputation; every method leaves the database consistent."""

    context: Context
    name: str
    request: Request
    scorer: Scorer
    source: str
    grid: CandleGrid
    wanted: Ints
    ground: Ground
    before: Mapping[str, Any] | None  # what the last look left among the watermarks
    basis: Basis
    look: Look
    computed: int = 0
    signals: int = 0
    without_row: int = 0
    removed: int = 0
    traceback: str | None = None
    _keys: dict[int, str] = field(default_factory=dict)
    _known: dict[int, tuple[str, bool]] = field(default_factory=dict)
    _gaps: set[int] = field(default_factory=set)
    _provisional: set[int] = field(default_factory=set)
    _absent: dict[int, tuple[str, str]] = field(default_factory=dict)
    _texts: set[str] = field(default_factory=set)
    _open: set[int] = field(default_factory=set)  # not done, or to be tried again
    _forgets: bool = False

    def __post_init__(self) -> None:
        self._open.update(self.wanted.tolist())

    @classmethod
    def open(cls, context: Context, backtest: BacktestSettings) -> "RecomputeJob":
        """Load what the job needs of the days that it looks at.

        Raises PipelineError, or BundleError for its own bundle.
        """
        bot, bot_id, now_us = context.bot, context.bot_id, to_us(context.now)
        length_us = bot.frame.length_us
        source = default_source(backtest.candles, tuple(entry.name for entry in bot.candles))
        request = request_of(bot, backtest)
        with context.engine.begin() as conn:
            scorer = scorer_of(bot, backtest, opened_bundles(conn))
            ground = Ground(
                bot_id=bot_id,
                series_id=ensure_series(conn, bot_id, Origin.BACKTEST, backtest.name),
                source=source,
                lookback_bars=request.lookback_bars,
                length_us=length_us,
            )
            before = read_watermark(conn, bot_id, coverage_step(backtest.name))
            basis = Basis(
                mark=request.mark,
                gap_policy=request.gap_policy,
                source=source,
                wants_all=first_production_open(conn, bot_id) is None,
                keeps_windows=_keeps_windows(conn, bot_id, request),
            )
            look = ground.look(conn, basis, before and before["live"], now_us)
            grid, wanted = _sight(conn, context, ground, basis, look.windows)
        return cls(
            context=context,
            name=backtest.name,
            request=request,
            scorer=scorer,
            source=source,
            grid=grid,
            wanted=wanted,
            ground=ground,
            before=before,
            basis=basis,
            look=look,
        )

    @property
    def series_id(self) -> int:
        return self.ground.series_id

    def everything(self) -> tuple[CandleGrid, Ints]:
        """All closed candles and all wanted candle opens, on whatever day."""
        with snapshot(self.context.engine) as conn:
            return _sight(conn, self.context, self.ground, self.basis, (ALWAYS,))

    @property
    def problems(self) -> tuple[str, ...]:
        """What a trader should know about the run, one sentence each."""
        if not self._texts:
            return ()
        names = ", ".join(sorted(self._texts))
        return (f"the pipeline's columns {names} hold no numbers and are left out",)

    def forget_strangers(self) -> None:
        """Remove rows of another pipeline, lookback or mode, and of candles no longer wanted."""
        if not self.look.windows:
            return
        is_same = self.before is not None and self.before["live"]["request"] == self.request.mark
        with self.context.engine.begin() as conn:
            there = series_opens(conn, self.series_id, self.look.windows)
            gone = np.setdiff1d(there, self.wanted) if is_same else there
            if not is_same:  # what was imported under this name makes room
                forget_watermark(conn, self.context.bot_id, import_step(self.name))
            forget_candles(conn, self.series_id, gone.tolist(), rows=True)
        self.removed = len(gone)

    def rescore(self) -> None:
        """Score all stored rows again where other bundles are live than before."""
        if self.before is None or self.before["live"]["bundles"] == self.scorer.mark:
            return
        with self.context.engine.begin() as conn:
            for rows in list(read_backtest_rows(conn, self.context.bot_id, self.name)):
                opens = us_from_index(pd.DatetimeIndex(rows.features.index))
                forget_candles(conn, self.series_id, opens.tolist(), rows=False)
                self._score(conn, rows.features, rows.warming)

    def due(self) -> Ints:
        """Candles whose row lacks or rests on other candles than now, most telling first."""
        plan = plan_frames(
            self.grid,
            self.wanted,
            lookback_bars=self.request.lookback_bars,
            mode=self.request.mode,
            gap_policy=self.request.gap_policy,
            now_us=to_us(self.context.now),
        )
        self._keys = self.request.keys(self.grid, plan.frames)
        for frame in plan.frames:
            opens = [int(self.grid.opens[row]) for row in frame.rows]
            self._gaps.update(opens if frame.missing else ())
            self._provisional.update(opens if frame.is_provisional else ())
        with snapshot(self.context.engine) as conn:
            self._absent = stored_absences(conn, self.series_id, self.look.windows)
            self._known = stored_keys(conn, self.series_id, self.look.windows)
        self._forgets = self._pipeline_forgets()
        todo = [
            open_us
            for open_us in self._keys
            if not self._is_covered(open_us)
            or self._known[open_us][1] != (open_us in self._provisional)
        ]
        flagged: list[int] = []
        if len(todo) > 1:
            with snapshot(self.context.engine) as conn:
                flagged = flagged_opens(conn, self.context.bot_id, FLAGGED)
        self._open.intersection_update(todo)
        self.store(Collected(reasons=plan.reasons))
        late = [open_us for open_us in todo if self._reason(open_us) in _RETRIED]
        return np.array(order_candles(todo, flagged, late), dtype=np.int64)

    def store(self, batch: Collected) -> None:
        """Rows with their signals, and new reasons, in one transaction."""
        self.traceback = self.traceback or batch.traceback
        self._texts |= batch.texts
        self._open.difference_update(batch.opens)
        self._open.difference_update(entry[0] for entry in batch.reasons if entry[1] in LASTING)
        reasons = [
            entry
            for entry in batch.reasons
            if entry[1] != "pending" and self._absent.get(entry[0]) != entry[1:]
        ]
        if not batch.opens and not reasons:
            return
        sealed = batch.seal()
        with self.context.engine.begin() as conn:
            forget_candles(conn, self.series_id, batch.opens, rows=False)
            self._store_rows(conn, batch)
            self._score(conn, sealed.features, sealed.warming)
            forget_candles(conn, self.series_id, [entry[0] for entry in reasons], rows=True)
            frame = reason_frame(reasons).assign(side="")
            upsert_absences(conn, self.series_id, frame, self.context.run_id)
        self._absent.update({entry[0]: entry[1:] for entry in reasons})
        for open_us, flag, key in zip(
            batch.opens, batch.provisional, self._row_keys(batch), strict=True
        ):
            self._absent.pop(open_us, None)
            self._known[open_us] = (key, flag)
        for open_us, _, _ in reasons:
            self._known.pop(open_us, None)
        self.computed += len(batch.opens)
        self.without_row += len(reasons)

    def keep_coverage(self) -> WholeCoverage:
        """Count what is stored as the candles now are, day by day, and keep the count."""
        self._forgets = self._pipeline_forgets()
        live = {
            "request": self.request.mark,
            "bundles": self.scorer.mark,
            "basis": self.basis.document(),
            "seen": self.look.seen,
            "now": to_us(self.context.now),
        }
        with self.context.engine.begin() as conn:
            if self.before is not None and not self.look.windows:
                coverage = WholeCoverage(**self.before["coverage"])
            else:
                replace_days(conn, self.series_id, self.look.windows, self._days())
                coverage = total_coverage(conn, self.series_id, self.request.pipeline.hash)
            write_coverage(conn, self.context.bot_id, self.name, coverage, live)
        return coverage

    def _days(self) -> list[dict[str, Any]]:
        """The counts of the days looked at, as replace_days takes them."""
        covered = {at for at in self._keys if self._is_covered(at)}
        days: dict[int, list[int]] = {}
        for open_us in self.wanted.tolist():
            days.setdefault(open_us // DAY_US * DAY_US, []).append(open_us)
        return [
            {
                "day": day,
                "wanted": len(opens),
                "covered": len(covered.intersection(opens)),
                "absent": Counter(
                    self._absent[at][0] for at in opens if at in self._absent and at not in covered
                ),
                "provisional": len(covered.intersection(self._provisional, opens)),
                "with_gaps": len(covered.intersection(self._gaps, opens)),
                "is_settled": self._open.isdisjoint(opens),
            }
            for day, opens in days.items()
        ]

    def _pipeline_forgets(self) -> bool:
        proofs = StoredProofs(self.context.engine, self.context.bot_id)
        return bool(self._keys) and forgets(self.request, proofs)

    def _is_covered(self, open_us: int) -> bool:
        """Whether the stored row rests on the candles as they are; from a stretch, on a proof."""
        key, (known, _) = self._keys[open_us], self._known.get(open_us, ("", False))
        return known == key or (self._forgets and known == stretch_key(key))

    def _row_keys(self, batch: Collected) -> list[str]:
        keys = [self._keys[open_us] for open_us in batch.opens]
        return [
            stretch_key(key) if is_from_stretch else key
            for key, is_from_stretch in zip(keys, batch.from_stretch, strict=True)
        ]

    def _reason(self, open_us: int) -> str | None:
        return self._absent.get(open_us, (None,))[0]

    def _store_rows(self, conn: sa.Connection, batch: Collected) -> None:
        if not batch.opens:
            return
        layout_id = ensure_backtest_layout(conn, self.context.bot_id, batch.columns or ())
        keys = self._row_keys(batch)
        for flag in sorted(set(batch.provisional)):
            chosen = [i for i, value in enumerate(batch.provisional) if value == flag]
            opens = np.array([batch.opens[i] for i in chosen], dtype=np.int64)
            store_backtest_rows(
                conn,
                self.series_id,
                layout_id,
                opens,
                np.array([batch.values[i] for i in chosen]),
                content_keys=[keys[i] for i in chosen],
                run_id=self.context.run_id,
                is_provisional=flag,
                warming=np.array([batch.warming[i] for i in chosen]),
            )

    def _score(self, conn: sa.Connection, features: pd.DataFrame, warming: pd.DataFrame) -> None:
        """Signals and absences of rows; earlier ones of these candles are gone already."""
        if features.empty:
            return
        for part in score_rows(self.scorer, features, warming):
            bundle_id = None if part.bundle is None else ensure_bundle(conn, part.bundle)
            upsert_signals(conn, self.series_id, part.signals, self.context.run_id, bundle_id)
            upsert_absences(conn, self.series_id, part.absences, self.context.run_id)
            self.signals += len(part.signals)
