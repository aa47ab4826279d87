"""The only place that writes HTML; every value in it is escaped.

Tables here hold links and few rows; long ones are st.dataframe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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

STYLE = """<style>
.al-line{display:flex;flex-wrap:wrap;gap:.45rem .7rem;align-items:center;line-height:1.45}
.al-badge{display:inline-flex;align-items:center;gap:.4em;border-radius:999px;font-weight:600;
 padding:.12em .75em .12em .35em;font-size:.86rem;white-space:nowrap;border:1px solid}
.al-badge>b{display:inline-flex;align-items:center;justify-content:center;width:1.35em;
 height:1.35em;border-radius:50%;font-size:.8em;color:#fff}
.al-good{background:rgba(0,158,115,.13);border-color:rgba(0,158,115,.45)}.al-good>b{background:#00795A}
.al-warn{background:rgba(230,159,0,.16);border-color:rgba(230,159,0,.6)}.al-warn>b{background:#8F6200}
.al-bad{background:rgba(213,94,0,.14);border-color:rgba(213,94,0,.55)}.al-bad>b{background:#B84F00}
.al-stale{background:rgba(204,121,167,.16);border-color:rgba(204,121,167,.6)}.al-stale>b{background:#96487A}
.al-unknown,.al-note{background:rgba(127,140,154,.15);border-color:rgba(127,140,154,.5)}
.al-unknown>b,.al-note>b{background:#5D6975}
.al-big{font-size:1.05rem}.al-sentence{font-size:1.02rem;margin:.45rem 0 0;line-height:1.5}
.al-heading{margin:0;padding:0;font-size:1rem}
.al-muted{opacity:.72;font-size:.88rem}
.al-wrap{overflow-x:auto;border:1px solid rgba(127,140,154,.28);border-radius:.5rem}
.al-table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
.al-table caption{position:absolute;left:-9999px}
.al-table th{text-align:left;font-weight:600;padding:.5rem .7rem;white-space:nowrap;
 background:rgba(127,140,154,.1);border-bottom:1px solid rgba(127,140,154,.28)}
.al-table td{padding:.42rem .7rem;border-bottom:1px solid rgba(127,140,154,.16);vertical-align:top}
.al-table tr:last-child td{border-bottom:0}
.al-table tbody tr:hover td{background:rgba(127,140,154,.07)}
.al-table .num{text-align:right;white-space:nowrap}.al-table .nowrap{white-space:nowrap}
.al-table .mono{font-family:ui-monospace,Menlo,Consolas,'Liberation Mono',monospace;font-size:.8rem}
.al-table .wrapany{overflow-wrap:anywhere;min-width:12rem}
.al-table .raw{font-family:ui-monospace,Menlo,Consolas,'Liberation Mono',monospace;font-size:.76rem;
 overflow-wrap:anywhere;min-width:16rem;max-width:34rem}
.al-table td.raw>div{max-height:7.5em;overflow:auto;white-space:pre-wrap}
.al-table tr.mark td{background:rgba(230,159,0,.12)}
.al-phases{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:.75rem;
 list-style:none;margin:0;padding:0}
.al-phases li{border:1px solid rgba(127,140,154,.28);border-radius:.5rem;padding:.7rem .85rem;
 border-top-width:4px;margin:0}
.al-phases li.done{border-top-color:#009E73}.al-phases li.now{border-top-color:#0072B2}
.al-phases li.waiting{border-top-color:rgba(127,140,154,.5)}.al-phases h4{margin:0 0 .2rem;
 font-size:.95rem;padding:0}.al-phases p{margin:.2rem 0 0;font-size:.86rem;line-height:1.4}
</style>"""


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


def draw_status(badge: Badge, sentence: str, *, detail: str = "") -> None:
    """One badge and one sentence, and what belongs beside it in smaller print."""
    small = f'<p class="al-muted" style="margin:.25rem 0 0">{plain(detail)}</p>' if detail else ""
    st.html(
        f'<div role="status"><div class="al-line">{badge_html(badge, big=True)}</div>'
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
