"""The live bundle, run again on the features that the bot logged.

Reading, scoring and writing overlap; every block is one transaction, and the watermark
moves in the last one, so that a replay may be killed anywhere and run twice.
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

from core.context import Context
from core.errors import BundleError
from core.market import SIDES, Origin
from core.scoring.live_bundle import Live
from core.scoring.logged_rows import (
    LoggedRows,
    Replay,
    ReplayedBlock,
    Source,
    read_rows,
)
from core.signals.reads import opened_bundles
from core.signals.writes import (
    clear_signals,
    ensure_bundle,
    ensure_series,
    upsert_absences,
    upsert_signals,
)
from core.storage.changes import Span, Subject, read_changes
from core.storage.engine import reader_engine, snapshot
from core.storage.watermarks import read_watermark, write_watermark
from core.tailing.prefetch import prefetch
from core.times import END_OF_TIME, from_us

STEP = "replay"


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay did; `problems`: why rows were not replayed, as sentences."""

    candles: int
    signals: int
    absences: int
    problems: tuple[str, ...] = ()


def replay_logged(context: Context) -> ReplayReport:
    """Score logged rows that are new or changed, or all where the live bundles changed.

    Raises BundleError when a live bundle cannot be opened: the candles of the others are
    replayed before, those of the refused one stay as they are until it can be opened.
    """
    with snapshot(context.engine) as connection:
        live = Live.of(context.bot, opened_bundles(connection))
        replay = Replay(live)
        stored = read_watermark(connection, context.bot_id, STEP) or {}
        seen = stored.get("seen") if replay.is_as_before(stored) else None
        changes = read_changes(connection, context.bot_id, seen, Subject.FEATURE_ROW)
    changed = ((0, END_OF_TIME),) if changes.spans is None else changes.spans
    spans = subtract_spans(changed, [span for span, _ in live.refused])
    report = _store(context, replay, spans) if spans else ReplayReport(0, 0, 0)
    if live.refused:
        raise BundleError("; ".join(str(error) for _, error in live.refused))
    if changes.newest != seen:
        with context.engine.begin() as connection:
            mark = {"seen": changes.newest, "live": live.mark}
            write_watermark(connection, context.bot_id, STEP, mark)
    problem = live.problem if report.candles else None
    return replace(report, problems=() if problem is None else (problem,))


def replayed_blocks(
    url: str, bot_id: int, replay: Replay, spans: Sequence[Span]
) -> Generator[ReplayedBlock]:
    """Read and score spans, each in a thread of its own with its own connection."""
    engine = reader_engine(url)

    def read() -> Iterator[LoggedRows]:
        with snapshot(engine) as connection:
            for span in spans:
                yield from read_rows(connection, bot_id, span)

    def score() -> Iterator[ReplayedBlock]:
        with (
            closing(prefetch(read)) as blocks,
            snapshot(engine) as connection,
            ThreadPoolExecutor(max_workers=len(SIDES)) as pool,
        ):
            source = Source(connection, bot_id, pool)
            for rows in blocks:
                yield replay.score(source, rows)

    try:
        with closing(prefetch(score)) as scored:
            yield from scored
    finally:
        engine.dispose()


def _store(context: Context, replay: Replay, spans: Sequence[Span]) -> ReplayReport:
    engine, run_id = context.engine, context.run_id
    with engine.begin() as connection:
        series_id = ensure_series(connection, context.bot_id, Origin.REPLAY)
        ids = {
            entry.bundle.hash: ensure_bundle(connection, entry.bundle)
            for entry in replay.live.bundles
        }
    candles = signals = absences = 0
    url = engine.url.render_as_string(hide_password=False)
    with closing(replayed_blocks(url, context.bot_id, replay, spans)) as blocks:
        for block in blocks:
            with engine.begin() as connection:
                clear_signals(connection, series_id, from_us(block.first), from_us(block.until))
                for part in block.parts:
                    bundle_id = None if part.bundle is None else ids[part.bundle.hash]
                    upsert_signals(connection, series_id, part.signals, run_id, bundle_id)
                    upsert_absences(connection, series_id, part.absences, run_id)
                    signals, absences = signals + len(part.signals), absences + len(part.absences)
            candles += block.candles
    return ReplayReport(candles, signals, absences)


def subtract_spans(spans: Sequence[Span], taken: Sequence[Span]) -> tuple[Span, ...]:
    """What is left of `spans` without `taken`; all with both ends included."""
    remaining = list(spans)
    for first, last in taken:
        rest = []
        for span in remaining:
            if span[1] < first or span[0] > last:
                rest.append(span)
                continue
            if span[0] < first:
                rest.append((span[0], first - 1))
            if span[1] > last:
                rest.append((last + 1, span[1]))
        remaining = rest
    return tuple(remaining)
