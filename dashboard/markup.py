"""The only place that writes HTML; every value in it is escaped.

Tables here hold links and few rows; long ones are st.dataframe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard.format import plain

Tone = Literal["good", "warn", "bad", "stale", "unknown", "note"]

# Icon and word beside the colour: state is never told by colour alone.
ICONS: dict[Tone, str] = {
    "good": "✓",
    "warn": "!",
    "bad": "✕",
    "stale": "◷",
    "unknown": "?",
    "note": "i",
}

STYLE = Path(__file__).parent / "assets" / "style.css"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading and how its cells look."""

    heading: str
    style: Literal["", "num", "nowrap", "mono", "wrapany", "raw"] = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads somewhere."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Badge:
    """A cell, or a headline, that states a state: icon, word and colour."""

    tone: Tone
    word: str


Cell = str | Link | Badge


def badge_html(badge: Badge, *, big: bool = False) -> str:
    size = " al-big" if big else ""
    return (
        f'<span class="al-badge al-{badge.tone}{size}">'
        f'<b aria-hidden="true">{ICONS[badge.tone]}</b>'
        f"{plain(badge.word)}</span>"
    )


def table_html(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    caption: str,
    marked: int | None = None,
) -> str:
    """An accessible table; `caption` is read aloud, `marked` is the row set apart."""
    head = "".join(f'<th scope="col" class="{c.style}">{plain(c.heading)}</th>' for c in columns)
    body = "".join(
        f"<tr{' class=mark' if number == marked else ''}>{_cells(columns, row)}</tr>"
        for number, row in enumerate(rows)
    )
    return (
        f'<div class="al-wrap" tabindex="0" role="region" aria-label="{plain(caption)}">'
        f'<table class="al-table"><caption>{plain(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def draw_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    caption: str,
    marked: int | None = None,
) -> None:
    st.html(table_html(columns, rows, caption=caption, marked=marked))


def draw_status(
    badge: Badge, sentence: str, *, detail: str = "", beside: Badge | Literal[""] = ""
) -> None:
    """One badge and one sentence, and what belongs beside it in smaller print."""
    small = f'<p class="al-muted" style="margin:.25rem 0 0">{plain(detail)}</p>' if detail else ""
    st.html(
        f'<div role="status"><div class="al-line">{badge_html(badge, big=True)}'
        f"{badge_html(beside) if beside else ''}</div>"
        f'<p class="al-sentence">{plain(sentence)}</p>{small}</div>'
    )


def draw_line(*parts: str | Badge) -> None:
    """Badges and short texts in one line."""
    inner = "".join(
        badge_html(part) if isinstance(part, Badge) else f"<span>{plain(part)}</span>"
        for part in parts
        if part
    )
    st.html(f'<div class="al-line">{inner}</div>')


def draw_card(label: str, value: str, detail: str) -> None:
    """What a card says: a name, a number, and its unit, period or comparison."""
    st.html(
        f'<div class="al-card"><h3>{plain(label)}</h3><strong>{plain(value)}</strong>'
        f"<p>{plain(detail)}</p></div>"
    )


def draw_list(items: Sequence[tuple[Badge, str]]) -> None:
    """Badges with a sentence each, one under the other."""
    inner = "".join(f"<dt>{badge_html(b)}</dt><dd>{plain(text)}</dd>" for b, text in items)
    st.html(f'<dl class="al-list">{inner}</dl>')


def draw_links(*links: Link) -> None:
    """Links in one line, of texts that may come from the configuration."""
    st.html(f'<div class="al-line">{"".join(_cell(link) for link in links)}</div>')


def draw_phases(phases: Sequence[tuple[Badge, str, str, str]]) -> None:
    """A stepper: of each phase its badge, title, criterion and progress, in order."""
    classes = {"good": "done", "note": "now"}
    items = "".join(
        f'<li class="{classes.get(badge.tone, "waiting")}"><h4>{number}. {plain(title)}</h4>'
        f"{badge_html(badge)}<p>{plain(progress)}</p>"
        f'<p class="al-muted">{plain(criterion)}</p></li>'
        for number, (badge, title, criterion, progress) in enumerate(phases, start=1)
    )
    st.html(f'<ol class="al-phases" aria-label="Phases">{items}</ol>')


def draw_heading(text: str) -> None:
    """A small heading that may hold text from the configuration."""
    st.html(f'<h4 class="al-heading">{plain(text)}</h4>')


def draw_text(text: str) -> None:
    """A paragraph that may hold text from logs."""
    st.html(f'<p style="margin:0;line-height:1.5">{plain(text)}</p>')


def _cells(columns: Sequence[Column], row: Sequence[Cell]) -> str:
    return "".join(
        f'<td class="{column.style}">{_boxed(column, _cell(cell))}</td>'
        for column, cell in zip(columns, row, strict=True)
    )


def _boxed(column: Column, content: str) -> str:
    """Raw lines may be long: they scroll inside their cell."""
    return f'<div tabindex="0">{content}</div>' if column.style == "raw" else content


def _cell(cell: Cell) -> str:
    if isinstance(cell, Badge):
        return badge_html(cell)
    if isinstance(cell, Link):
        return f'<a href="{plain(cell.href)}" target="_self">{plain(cell.text)}</a>'
    return plain(cell)
