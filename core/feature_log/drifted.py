"""Lines that their file's header does not describe: which known layout does?

A layout fits a line when everything that must hold of a row does hold, next to
the line before it too; the number of fields alone decides nothing. The answer
depends on the line, the line before it and the set of known layouts, never on
the order in which files were read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.feature_log.cells import LineError, split_cells
from core.feature_log.layout import Grammar, Layout, Profile, Row
from core.times import from_us, iso_z

_STEP_PER_BAR = 0.1  # log price; times the root of the bars between, 1 at most
Catalog = Mapping[Layout, Profile]


@dataclass(frozen=True, slots=True)
class Before:
    """The nearest readable line before a line in its file.

    With a row that its header describes: its candle open and close. With a
    drifted one: its raw text, to be read under the layout in question.
    """

    line: int
    candle_open: int | None = None
    close: float | None = None
    raw: bytes | None = None


def before_document(before: Before | None) -> list[Any] | None:
    """The stored form (JSON) of the line before."""
    if before is None:
        return None
    text = None if before.raw is None else before.raw.decode()
    return [before.line, before.candle_open, before.close, text]


def before_of(document: Sequence[Any] | None) -> Before | None:
    """The line before, from its stored form."""
    if document is None:
        return None
    line, opened, close, text = document
    return Before(line, opened, close, None if text is None else text.encode())


@dataclass(frozen=True, slots=True)
class Drifted:
    """A line that the header in force does not describe, with what is needed to place it later."""

    line: int
    offset: int
    raw: bytes
    header: Layout | None
    reason: str  # why it does not stand under the header in force
    detail: str
    before: Before | None


def place(drifted: Drifted, grammar: Grammar, catalog: Catalog) -> Row:
    """The row under the one layout that fits; raises LineError when none or several do."""
    cells = split_cells(drifted.raw)
    fits: list[Row] = []
    refused: list[str] = []
    for layout in sorted(catalog, key=lambda layout: layout.hash):
        if layout == drifted.header or len(layout.columns) != len(cells):
            continue
        try:
            fits.append(_fit(drifted, layout, cells, grammar, catalog[layout]))
        except LineError as error:
            refused.append(error.detail)
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise LineError(
            "ambiguous", f"{len(fits)} known layouts of {len(cells)} columns fit this line"
        )
    if refused:
        tried = f"no known layout of {len(cells)} columns fits: {'; '.join(refused)}"
    else:
        tried = f"no other header of {len(cells)} columns has been seen"
    raise LineError(drifted.reason, f"{drifted.detail}; {tried}")


def _fit(
    drifted: Drifted, layout: Layout, cells: list[str], grammar: Grammar, profile: Profile
) -> Row:
    row = grammar.read(layout, cells)
    roles = grammar.roles(layout)
    mismatch = profile.mismatch(row.values, row.texts, row.price(roles.prices[3]))
    if mismatch is not None:
        position, why = mismatch
        raise LineError("no_layout", f"column {layout.columns[position]!r} {why}")
    _check_before(row, drifted.before, grammar)
    return row


def _check_before(row: Row, before: Before | None, grammar: Grammar) -> None:
    if before is None:
        return
    opened, close = before.candle_open, before.close
    if before.raw is not None:
        try:
            earlier = grammar.read(row.layout, split_cells(before.raw))
        except LineError:
            return  # of another layout: nothing to hold this row against
        opened, close = earlier.candle_open, earlier.price(grammar.roles(row.layout).prices[3])
    if opened is None:
        return
    bars = (row.candle_open - opened) / grammar.timeframe.length_us
    if bars < 0:
        raise LineError(
            "no_layout",
            f"candle {iso_z(from_us(row.candle_open))} lies before that of the line above",
        )
    price = row.price(grammar.roles(row.layout).prices[0])
    if bars and close is not None and close > 0 and price > 0:
        step = abs(math.log(price / close))
        if step > min(1.0, _STEP_PER_BAR * math.sqrt(bars)):
            raise LineError("no_layout", f"open {price!r} does not continue close {close!r}")
