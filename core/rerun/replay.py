"""The live bundle, run again on the features that the bot logged.

Reading, scoring and writing overlap; every block is one transaction, and the watermark
moves in the last one, so that a replay may be killed anywhere and run twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.bundle.deployments import live_bundles
from core.bundle.load import Bundle, load_bundle
from core.bundle.score import Scored, score_columns
from core.errors import BundleError
from core.frames import from_us, index_from_us, to_us
from core.rerun.prefetch import prefetch
from core.settings import BotSettings
from core.side import Origin, Side
from core.storage.engine import reader_engine
from core.storage.reads.changes import Span, feature_changes
from core.storage.reads.feature_log import read_vectors
from core.storage.reads.watermarks import read_watermark
from core.storage.writes.signals import (
    clear_signals,
    ensure_bundle,
    ensure_series,
    upsert_absences,
    upsert_signals,
)
from core.storage.writes.watermarks import write_watermark

STEP = "replay"
_END_OF_TIME = to_us(datetime.max.replace(microsecond=0, tzinfo=from_us(0).tzinfo))
_NAMED = 5


class Block(Protocol):
    """Logged rows of one layout: column names, candle opens (stored µs), rows × columns."""

    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def candle_opens(self) -> npt.NDArray[np.int64]: ...
    @property
    def matrix(self) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay did; `problem`: why nothing can be replayed, as a sentence."""

    candles: int
    signals: int
    absences: int
    problem: str | None = None


@dataclass(frozen=True)
class LiveModel:
    """An opened bundle with the candle opens (stored µs) on which it was live."""

    bundle: Bundle
    since: int
    until: int


@dataclass(frozen=True)
class ReplayedPart:
    """Scores of candles under one bundle (None: none was live), and why some are missing."""

    bundle: Bundle | None
    signals: pd.DataFrame  # candle_open, side, probability
    absences: pd.DataFrame  # candle_open, side, reason, detail


@dataclass(frozen=True)
class ReplayedBlock:
    """What to store in place of everything from `first` to before `until` (stored µs)."""

    first: int
    until: int
    candles: int
    parts: tuple[ReplayedPart, ...]


@dataclass(frozen=True)
class Replay:
    """What is live when, opened: all that scoring needs besides the rows."""

    models: tuple[LiveModel, ...]
    refused: tuple[tuple[Span, BundleError], ...]
    problem: str | None

    @classmethod
    def of(cls, bot: BotSettings) -> "Replay":
        """Open every bundle that is live at some time; those that cannot be opened are refused."""
        live = live_bundles(bot)
        models, refused = [], []
        for span in live.spans:
            since, until = span.opens(bot.frame.length_us)
            end = _END_OF_TIME if until is None else until
            try:
                models.append(LiveModel(load_bundle(span.bundle_path), since, end))
            except BundleError as error:
                refused.append(((since, end - 1), error))
        return cls(tuple(models), tuple(refused), live.problem)

    @property
    def mark(self) -> list[list[Any]]:
        """Which bundle is live when, as the watermark keeps it."""
        return [[model.bundle.hash, model.since, model.until] for model in self.models]

    def is_as_before(self, stored: Mapping[str, Any]) -> bool:
        """Whether rows replayed earlier stand; refused bundles leave theirs as they are."""
        before = stored.get("live")
        if before is None:
            return False
        return all(one in before for one in self.mark) if self.refused else self.mark == before

    def score(self, connection: sa.Connection, bot_id: int, span: Span) -> Iterator[ReplayedBlock]:
        """Read and score every logged row of a span (first and last candle open, stored µs)."""
        first, last = span
        window = from_us(first), from_us(last + 1)
        for block in read_vectors(connection, bot_id, *window):
            end = int(block.candle_opens[-1]) + 1
            yield ReplayedBlock(first, end, len(block.candle_opens), self._parts(block))
            first = end
        yield ReplayedBlock(first, last + 1, 0, ())

    def _parts(self, block: Block) -> tuple[ReplayedPart, ...]:
        opened = block.candle_opens
        parts = []
        is_free = np.ones(len(opened), dtype=bool)
        for model in self.models:
            is_live = (opened >= model.since) & (opened < model.until)
            is_free &= ~is_live
            if is_live.all():
                parts.append(_replay(model.bundle, block.columns, opened, block.matrix))
            elif is_live.any():
                rows = block.matrix[is_live]
                parts.append(_replay(model.bundle, block.columns, opened[is_live], rows))
        if is_free.any():
            detail = self.problem or "no deployment in the configuration covers this candle"
            absences = _absences(opened[is_free], "", "no_live_bundle", detail)
            parts.append(ReplayedPart(None, _signals([]), absences))
        return tuple(parts)


def replay_logged(
    engine: sa.Engine, bot_id: int, bot: BotSettings, *, now: datetime, run_id: int | None
) -> ReplayReport:
    """Score logged rows that are new or changed, or all where the live bundles changed.

    Raises BundleError when a live bundle cannot be opened: the candles of the others are
    replayed before, those of the refused one stay as they are until it can be opened.
    """
    replay = Replay.of(bot)
    with engine.connect() as connection:
        stored = read_watermark(connection, bot_id, STEP) or {}
        seen = stored.get("seen") if replay.is_as_before(stored) else None
        changes = feature_changes(connection, bot_id, seen)
    changed = ((0, _END_OF_TIME),) if changes.spans is None else changes.spans
    spans = subtract_spans(changed, [span for span, _ in replay.refused])
    report = _store(engine, bot_id, replay, spans, run_id) if spans else ReplayReport(0, 0, 0)
    if replay.refused:
        raise BundleError("; ".join(str(error) for _, error in replay.refused))
    if changes.newest != seen:
        with engine.begin() as connection:
            mark = {"seen": changes.newest, "live": replay.mark}
            write_watermark(connection, bot_id, STEP, mark)
    return replace(report, problem=replay.problem)


def replayed_blocks(
    url: str, bot_id: int, replay: Replay, spans: Sequence[Span]
) -> Iterator[ReplayedBlock]:
    """Read and score spans, the reading in a thread of its own with its own connection."""
    engine = reader_engine(url)

    def read() -> Iterator[ReplayedBlock]:
        with engine.connect() as connection:
            for span in spans:
                yield from replay.score(connection, bot_id, span)

    try:
        yield from prefetch(read)
    finally:
        engine.dispose()


def _store(
    engine: sa.Engine, bot_id: int, replay: Replay, spans: Sequence[Span], run_id: int | None
) -> ReplayReport:
    with engine.begin() as connection:
        series_id = ensure_series(connection, bot_id, Origin.REPLAY)
        ids = {
            model.bundle.hash: ensure_bundle(connection, model.bundle) for model in replay.models
        }
    candles = signals = absences = 0
    url = engine.url.render_as_string(hide_password=False)
    with closing(replayed_blocks(url, bot_id, replay, spans)) as blocks:
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
    left = list(spans)
    for first, last in taken:
        rest = []
        for one in left:
            if one[1] < first or one[0] > last:
                rest.append(one)
                continue
            if one[0] < first:
                rest.append((one[0], first - 1))
            if one[1] > last:
                rest.append((last + 1, one[1]))
        left = rest
    return tuple(left)


def _replay(
    bundle: Bundle,
    columns: Sequence[str],
    opened: npt.NDArray[np.int64],
    matrix: npt.NDArray[np.float64],
) -> ReplayedPart:
    signals, absences = [], []
    for side, model in bundle.sides.items():
        scored = score_columns(model, columns, matrix)
        if not scored.missing:
            signals.append((side, opened, scored.probabilities))
        absences.append(_why_not(side, opened, scored))
    return ReplayedPart(bundle, _signals(signals), pd.concat(absences, ignore_index=True))


def _why_not(side: Side, opened: npt.NDArray[np.int64], scored: Scored) -> pd.DataFrame:
    if scored.missing:
        named = ", ".join(scored.missing[:_NAMED])
        more = len(scored.missing) - _NAMED
        detail = f"not in the logged row: {named}" + (f" and {more} more" if more > 0 else "")
        return _absences(opened, side, "missing_feature", detail)
    return _absences(
        opened[scored.is_infinite], side, "infinite_feature", "an input of the model is infinite"
    )


def _signals(
    scored: Sequence[tuple[Side, npt.NDArray[np.int64], npt.NDArray[np.float64]]],
) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"candle_open": index_from_us(opened), "side": str(side), "probability": values}
        )
        for side, opened, values in scored
    ]
    if not parts:
        parts = [pd.DataFrame({"candle_open": index_from_us([]), "side": "", "probability": []})]
    return pd.concat(parts, ignore_index=True).dropna(subset="probability", ignore_index=True)


def _absences(opened: npt.NDArray[np.int64], side: str, reason: str, detail: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candle_open": index_from_us(opened),
            "side": str(side),
            "reason": reason,
            "detail": detail,
        }
    )
