"""What `export` can give out, as tables."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from collector.export_formats import Chunk, Kind, Table
from core.alignment.reads import read_pairs
from core.bots import bot_id, comparisons
from core.collection.completeness import gaps
from core.diagnosis.reads import findings
from core.feature_log.reads import (
    LoggedBlock,
    layout_columns,
    logged_opens,
    quarantined,
    read_vectors,
)
from core.feature_log.texts import text_columns
from core.market import Origin
from core.settings import BotSettings
from core.signals.reads import read_series
from core.times import index_from_us

Window = tuple[datetime | None, datetime | None]
Bots = Sequence[BotSettings]

_PAIRS: Mapping[str, Kind] = {
    "bot": Kind.TEXT,
    "candle_open": Kind.TIME,
    "side": Kind.TEXT,
    "comparison": Kind.TEXT,
    "production_origin": Kind.TEXT,
    "production": Kind.NUMBER,
    "backtest": Kind.NUMBER,
    "diff": Kind.NUMBER,
    "abs_diff": Kind.NUMBER,
    "flip": Kind.FLAG,
}
_SIGNALS: Mapping[str, Kind] = {
    "bot": Kind.TEXT,
    "candle_open": Kind.TIME,
    "side": Kind.TEXT,
    "origin": Kind.TEXT,
    "comparison": Kind.TEXT,
    "probability": Kind.NUMBER,
}
_GAPS: Mapping[str, Kind] = {
    "bot": Kind.TEXT,
    "from": Kind.TIME,
    "until": Kind.TIME,
    "missing": Kind.COUNT,
}
_QUARANTINE: Mapping[str, Kind] = {
    "bot": Kind.TEXT,
    "file": Kind.TEXT,
    "line": Kind.COUNT,
    "offset": Kind.COUNT,
    "length": Kind.COUNT,
    "candle_open": Kind.TIME,
    "reason": Kind.TEXT,
    "detail": Kind.TEXT,
    "sha256": Kind.TEXT,
    "raw": Kind.TEXT,
}
_FINDINGS: Mapping[str, Kind] = {
    "bot": Kind.TEXT,
    "comparison": Kind.TEXT,
    "from": Kind.TIME,
    "until": Kind.TIME,
    "made_at": Kind.TIME,
    "cause": Kind.TEXT,
    "verdict": Kind.TEXT,
    "sides": Kind.TEXT,
    "explained_ratio": Kind.NUMBER,
    "residual_mean_abs_diff": Kind.NUMBER,
    "held_out_candles": Kind.COUNT,
    "scope_candles": Kind.COUNT,
    "parameters": Kind.TEXT,
    "same_as": Kind.TEXT,
    "summary": Kind.TEXT,
    "is_refuted": Kind.FLAG,
}


def pairs_table(connection: sa.Connection, bots: Bots, window: Window) -> Table:
    """Pairs of every configured comparison."""

    def chunks() -> Iterator[Chunk]:
        for bot, number in _stored(connection, bots):
            for entry in comparisons(connection, number):
                pairs = read_pairs(connection, entry.id, *window)
                yield _chunk(pairs.assign(bot=bot.name, comparison=entry.name), _PAIRS)

    return Table(_PAIRS, chunks())


def signals_table(connection: sa.Connection, bots: Bots, window: Window) -> Table:
    """Signals of every origin; `comparison` names the backtest, empty for the others."""

    def chunks() -> Iterator[Chunk]:
        for bot, number in _stored(connection, bots):
            series = [(Origin.EMITTED, ""), (Origin.REPLAY, "")]
            series += [(Origin.BACKTEST, backtest.name) for backtest in bot.backtests]
            for origin, comparison in series:
                signals = read_series(connection, number, origin, comparison, *window)
                named = signals.assign(bot=bot.name, origin=str(origin), comparison=comparison)
                yield _chunk(named, _SIGNALS)

    return Table(_SIGNALS, chunks())


def features_table(connection: sa.Connection, bots: Bots, window: Window) -> Table:
    """Logged feature vectors: one column a name that any layout has, empty where it had none.

    A field without a number is NaN, which is a value, unlike a column that is absent.
    """
    stored = list(_stored(connection, bots))
    names = [name for _, number in stored for name in layout_columns(connection, number)]
    worded = {name for _, number in stored for name in text_columns(connection, number)}
    columns = {
        "bot": Kind.TEXT,
        "candle_open": Kind.TIME,
        **{name: Kind.TEXT if name in worded else Kind.NUMBER for name in names if name != "bot"},
    }
    columns["candle_open"] = Kind.TIME

    def chunks() -> Iterator[Chunk]:
        for bot, number in stored:
            for block in read_vectors(connection, number, *window, with_texts=bool(worded)):
                rows = len(block.candle_opens)
                absent = {name: [None] * rows for name in columns}
                opened = index_from_us(block.candle_opens).to_pydatetime().tolist()
                yield {
                    **absent,
                    **_block_columns(block, worded),
                    "bot": [bot.name] * rows,
                    "candle_open": opened,
                }

    return Table(columns, chunks())


def _block_columns(block: LoggedBlock, worded: set[str]) -> dict[str, Sequence[Any]]:
    """The block by column; of a name that stands twice in a layout the first counts."""
    values: dict[str, Sequence[Any]] = {}
    for position, name in reversed(list(enumerate(block.columns))):
        numbers = block.matrix[:, position].tolist()
        if name in worded:
            pairs = zip(block.texts, numbers, strict=True)
            values[name] = [texts.get(name, _number_text(number)) for texts, number in pairs]
        else:
            values[name] = numbers
    return values


def _number_text(number: float) -> str | None:
    return None if math.isnan(number) else repr(number)


def gaps_table(connection: sa.Connection, bots: Bots, window: Window) -> Table:
    """Runs of missing candles between the first and the last logged one."""

    def chunks() -> Iterator[Chunk]:
        for bot, number in _stored(connection, bots):
            missing = gaps(logged_opens(connection, number, *window), bot.frame)
            yield _chunk(missing.assign(bot=bot.name), _GAPS)

    return Table(_GAPS, chunks())


def quarantine_table(connection: sa.Connection, bots: Bots, window: Window) -> Table:
    """Lines that could not be stored; a window keeps those whose candle is known to lie in it."""

    def chunks() -> Iterator[Chunk]:
        for bot, number in _stored(connection, bots):
            lines = quarantined(connection, number).rename(columns={"path": "file"})
            opened = lines["candle_open"]
            keep = pd.Series(True, index=lines.index)
            if window[0] is not None:
                keep &= opened >= window[0]
            if window[1] is not None:
                keep &= opened < window[1]
            yield _chunk(lines[keep].assign(bot=bot.name), _QUARANTINE)

    return Table(_QUARANTINE, chunks())


def findings_table(connection: sa.Connection, bots: Bots, window: Window) -> Table:
    """Findings of every diagnosis whose window touches this one, newest first."""

    def chunks() -> Iterator[Chunk]:
        for bot, number in _stored(connection, bots):
            rows = [{**record, "bot": bot.name} for record in findings(connection, number, *window)]
            yield {name: [row[name] for row in rows] for name in _FINDINGS}

    return Table(_FINDINGS, chunks())


def _stored(connection: sa.Connection, bots: Bots) -> Iterator[tuple[BotSettings, int]]:
    for bot in bots:
        number = bot_id(connection, bot.name)
        if number is not None:
            yield bot, number


def _chunk(frame: pd.DataFrame, columns: Mapping[str, Kind]) -> Chunk:
    """The frame's columns as lists; what is not known is None, a NaN number stays one."""
    return {name: _values(frame[name], kind) for name, kind in columns.items()}


def _values(column: pd.Series, kind: Kind) -> list[Any]:
    if kind is Kind.NUMBER:
        return [float(value) for value in column]
    is_known = column.notna()
    convert = _CONVERT[kind]
    return [
        convert(value) if known else None for value, known in zip(column, is_known, strict=True)
    ]


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_CONVERT: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TIME: lambda value: value.to_pydatetime(),
    Kind.COUNT: int,
    Kind.FLAG: bool,
    Kind.TEXT: _text,
}
TABLES: Mapping[str, Callable[[sa.Connection, Bots, Window], Table]] = {
    "pairs": pairs_table,
    "signals": signals_table,
    "features": features_table,
    "gaps": gaps_table,
    "quarantine": quarantine_table,
    "findings": findings_table,
}
