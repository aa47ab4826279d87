"""Logged rows scored with the bundle that was live, without a place to put the results."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from core.arrays import Floats, Ints
from core.bundle.load import Bundle
from core.bundle.score import Scored, score_columns
from core.feature_log.reads import LoggedBlock, read_vectors
from core.feature_log.texts import texts_of
from core.market import Side
from core.scoring.live_bundle import (
    Live,
    ScoredPart,
    absence_frame,
    infinite,
    named,
    signal_frame,
    unscored,
)
from core.storage.changes import Span
from core.times import from_us


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
class ReplayedBlock:
    """What to store in place of everything from `first` to before `until` (stored µs)."""

    first: int
    until: int
    candles: int
    parts: tuple[ScoredPart, ...]


@dataclass(frozen=True)
class Replay:
    """What is live when, opened: all that scoring needs besides the rows."""

    live: Live

    def is_as_before(self, stored: Mapping[str, Any]) -> bool:
        """Whether rows replayed earlier stand; refused bundles leave theirs as they are."""
        before = stored.get("live")
        if before is None:
            return False
        mark = self.live.mark
        return all(span in before for span in mark) if self.live.refused else mark == before

    def score(self, source: "Source", rows: LoggedRows) -> ReplayedBlock:
        """Score the rows of one block."""
        if rows.block is None:
            return ReplayedBlock(rows.first, rows.until, 0, ())
        parts = self._parts(source, rows.block)
        return ReplayedBlock(rows.first, rows.until, len(rows.block.candle_opens), parts)

    def _parts(self, source: "Source", block: LoggedBlock) -> tuple[ScoredPart, ...]:
        opens = block.candle_opens
        parts = []
        for bundle, rows in self.live.split(opens):
            if bundle is None:
                parts.append(unscored(opens[rows], self.live.why_none))
                continue
            every = bool(rows.all())  # the usual case, without a copy of the matrix
            matrix = block.matrix if every else block.matrix[rows]
            parts.append(_replay(source, bundle, block.columns, opens[rows], matrix))
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
    opened: Ints,
    matrix: Floats,
) -> ScoredPart:
    signals, absences = [signal_frame([], "", [])], []
    scores = source.pool.map(
        lambda model: score_columns(model, columns, matrix), bundle.sides.values()
    )
    for side, scored in zip(bundle.sides, scores, strict=True):
        if not scored.missing:
            absences.append(_drop_texts(source, side, columns, opened, scored))
            signals.append(signal_frame(opened, side, scored.probabilities))
        absences.append(_why_not(side, opened, scored))
    known = pd.concat(signals, ignore_index=True).dropna(subset="probability", ignore_index=True)
    return ScoredPart(bundle, known, pd.concat(absences, ignore_index=True))


def _why_not(side: Side, opened: Ints, scored: Scored) -> pd.DataFrame:
    if scored.missing:
        detail = f"not in the logged row: {named(scored.missing)}"
        return absence_frame(opened, side, "missing_feature", detail)
    return infinite(opened[scored.is_infinite], side)


def _drop_texts(
    source: Source,
    side: Side,
    columns: Sequence[str],
    opened: Ints,
    scored: Scored,
) -> pd.DataFrame:
    """Take back the scores of rows with a text among their inputs; returns why.

    A text reads as NaN in the matrix, but no bot scored a text.
    """
    rows = np.flatnonzero(scored.has_nan)
    texts = texts_of(source.connection, source.bot_id, opened[rows].tolist()) if len(rows) else {}
    parts = [absence_frame(opened[:0], side, "text_feature", "")]
    for row in rows.tolist():
        row_texts = texts.get(int(opened[row]), {})
        place = next((place for place in scored.places if place in row_texts), None)
        if place is not None:
            scored.probabilities[row] = np.nan
            detail = f'{columns[place]} is "{row_texts[place][:40]}", which is no number'
            parts.append(absence_frame(opened[row : row + 1], side, "text_feature", detail))
    return pd.concat(parts, ignore_index=True)
