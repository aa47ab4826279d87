"""Logged rows scored with the bundle that was live, without a place to put the results."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from core.bundle.deployments import live_bundles
from core.bundle.load import Bundle, load_bundle
from core.bundle.score import Scored, score_columns
from core.errors import BundleError
from core.feature_log.reads import LoggedBlock, read_vectors
from core.feature_log.texts import texts_of
from core.market import Side
from core.settings import BotSettings
from core.storage.changes import Span
from core.times import from_us, index_from_us

END_OF_TIME = 253_402_300_799_000_000  # 9999-12-31T23:59:59Z
_NAMED = 5


@dataclass(frozen=True)
class LiveModel:
    """An opened bundle with the candle opens (stored µs) on which it was live."""

    bundle: Bundle
    since: int
    until: int


@dataclass(frozen=True)
class LoggedRows:
    """A block of logged rows (None: there are none), and all candle opens that it speaks for.

    From `first` to before `until` (stored µs) there is no row besides those of the block.
    """

    first: int
    until: int
    block: LoggedBlock | None


def read_rows(connection: sa.Connection, bot_id: int, span: Span) -> Iterator[LoggedRows]:
    """Every logged row of a span (first and last candle open, stored µs), block by block."""
    first, last = span
    for block in read_vectors(connection, bot_id, from_us(first), from_us(last + 1)):
        until = int(block.candle_opens[-1]) + 1
        yield LoggedRows(first, until, block)
        first = until
    yield LoggedRows(first, last + 1, None)


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
            end = END_OF_TIME if until is None else until
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

    def score(self, source: "Source", rows: LoggedRows) -> ReplayedBlock:
        """Score the rows of one block."""
        if rows.block is None:
            return ReplayedBlock(rows.first, rows.until, 0, ())
        parts = self._parts(source, rows.block)
        return ReplayedBlock(rows.first, rows.until, len(rows.block.candle_opens), parts)

    def _parts(self, source: "Source", block: LoggedBlock) -> tuple[ReplayedPart, ...]:
        opened = block.candle_opens
        parts = []
        is_free = np.ones(len(opened), dtype=bool)
        for model in self.models:
            is_live = (opened >= model.since) & (opened < model.until)
            is_free &= ~is_live
            if is_live.any():
                every = bool(is_live.all())
                rows = block.matrix if every else block.matrix[is_live]
                live = opened if every else opened[is_live]
                parts.append(_replay(source, model.bundle, block.columns, live, rows))
        if is_free.any():
            detail = self.problem or "no deployment in the configuration covers this candle"
            absences = _absences(opened[is_free], "", "no_live_bundle", detail)
            parts.append(ReplayedPart(None, _signals([]), absences))
        return tuple(parts)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the texts of logged rows can be looked up, and who scores the second side."""

    connection: sa.Connection
    bot_id: int
    pool: Executor


def _replay(
    source: Source,
    bundle: Bundle,
    columns: Sequence[str],
    opened: npt.NDArray[np.int64],
    matrix: npt.NDArray[np.float64],
) -> ReplayedPart:
    signals, absences = [], []
    scores = source.pool.map(
        lambda model: score_columns(model, columns, matrix), bundle.sides.values()
    )
    for side, scored in zip(bundle.sides, scores, strict=True):
        if not scored.missing:
            absences.append(_drop_texts(source, side, columns, opened, scored))
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


def _drop_texts(
    source: Source,
    side: Side,
    columns: Sequence[str],
    opened: npt.NDArray[np.int64],
    scored: Scored,
) -> pd.DataFrame:
    """Take back the scores of rows with a text among their inputs; returns why.

    A text reads as NaN in the matrix, but no bot scored a text.
    """
    rows = np.flatnonzero(scored.has_nan)
    texts = texts_of(source.connection, source.bot_id, opened[rows].tolist()) if len(rows) else {}
    parts = [_absences(opened[:0], side, "text_feature", "")]
    for row in rows.tolist():
        row_texts = texts.get(int(opened[row]), {})
        place = next((place for place in scored.places if place in row_texts), None)
        if place is not None:
            scored.probabilities[row] = np.nan
            detail = f'{columns[place]} is "{row_texts[place][:40]}", which is no number'
            parts.append(_absences(opened[row : row + 1], side, "text_feature", detail))
    return pd.concat(parts, ignore_index=True)


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
