"""Parts of the view Worst candles."""

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from core.alignment.reads import WorstFilter
from core.bots import Comparison
from dashboard import links, states
from dashboard.controls import pick_param, toggle_param
from dashboard.data import finding_reads, notes, pair_reads
from dashboard.draw import offer_export
from dashboard.format import moment, plural, probability, signed
from dashboard.markup import Badge, Cell, Column, Link, draw_table
from dashboard.selection import window_label
from dashboard.shell import Screen
from dashboard.wording import other_word, production_word

SHOWN = 50


def filters() -> tuple[bool, bool, bool]:
    """Flips only, unexplained only, unreviewed only; kept in the address."""
    with st.container(horizontal=True, gap="medium"):
        return (
            toggle_param("flips", "Flips only"),
            toggle_param("unexplained", "Unexplained only"),
            toggle_param("unreviewed", "Unreviewed only"),
        )


def worst_rows(
    screen: Screen, comparison: Comparison, chosen: tuple[bool, bool, bool]
) -> pd.DataFrame:
    """The worst pairs of the window behind these filters."""
    flips_only, unexplained_only, unreviewed_only = chosen
    return pair_reads.worst_pairs(
        screen.state.bot_id,
        comparison.id,
        WorstFilter(
            sides=screen.selection.sides,
            flips_only=flips_only,
            unreviewed_only=unreviewed_only,
            explained=finding_reads.explained(screen.state.bot_id, comparison.name, screen.version)
            if unexplained_only
            else (),
        ),
        screen.bounds,
        SHOWN,
        screen.version,
        notes.annotation_version(),
    )


def nothing_to_list(screen: Screen, chosen: tuple[bool, bool, bool]) -> None:
    window = window_label(screen.selection.window).lower()
    if any(chosen) or screen.selection.side is not None:
        states.filtered_out(f"No misaligned candle passes these filters ({window}).")
    else:
        states.nothing_flagged(f"No candle differs by more than the tolerance ({window}).")


def ranking_table(screen: Screen, comparison: Comparison, rows: pd.DataFrame) -> None:
    """The ranked rows; each is a link to its candle."""
    columns = [
        Column("#", "num"),
        Column("Candle open", "nowrap"),
        Column("Side"),
        Column(production_word(comparison.name), "num"),
        Column(other_word(comparison.name), "num"),
        Column("Difference", "num"),
        Column("Flip"),
        Column("Review"),
        Column("Note", "wrapany"),
    ]
    draw_table(
        columns,
        [_row(screen, number, pair) for number, pair in enumerate(rows.itertuples(), start=1)],
        caption=f"Worst candles of {comparison.name}, largest difference first",
    )


def ranking(screen: Screen, comparison: Comparison, rows: pd.DataFrame) -> None:
    """The ranked table with its account and its export."""
    ranking_table(screen, comparison, rows)
    st.caption(
        f"{plural(len(rows), 'row')} shown, at most {SHOWN}. Differences in probability, "
        f"{production_word(comparison.name).lower()} − {other_word(comparison.name).lower()}."
    )
    offer_export(rows, name=f"worst-{screen.bot.name}-{comparison.name}", key="export-worst")


def review(screen: Screen, rows: pd.DataFrame) -> None:
    """Mark one of the listed candles as reviewed, with a note."""
    options = [links.open_param(opened) for opened in rows["candle_open"].drop_duplicates()]
    words = {
        links.open_param(opened): moment(opened, screen.zone)
        for opened in rows["candle_open"].drop_duplicates()
    }
    with st.container(border=True):
        chosen = pick_param("mark", "Review a candle", options, words=words)
        review_form(screen, links.parse_open(chosen))


def review_form(screen: Screen, candle_open: datetime | None) -> None:
    """The form that stores a review; the database remembers it."""
    if candle_open is None:
        return
    known = notes.annotation(screen.state.bot_id, candle_open)
    key = links.open_param(candle_open)
    with st.form(f"review-{key}", border=False):
        is_reviewed = st.checkbox("Reviewed", value=bool(known and known.is_reviewed))
        note = st.text_area(
            "Note", value=known.note if known else "", max_chars=notes.MAX_NOTE, height=80
        )
        if st.form_submit_button("Save", icon=":material/save:"):
            notes.annotate(screen.state.bot_id, candle_open, is_reviewed=is_reviewed, note=note)
            st.toast("Saved.", icon=":material/check:")
            st.rerun()
    if known is not None:
        st.caption(f"Last saved {moment(known.written_at, screen.zone)}")


def _row(screen: Screen, number: int, pair: Any) -> list[Cell]:
    opened = pair.candle_open
    href = links.href("candle", screen.selection.params(open=links.open_param(opened)))
    return [
        str(number),
        Link(moment(opened, screen.zone), href),
        pair.side,
        probability(pair.production),
        probability(pair.backtest),
        signed(pair.diff),
        Badge("warn", "Flip") if pair.flip else "–",
        Badge("good", "Reviewed") if pair.is_reviewed else "–",
        pair.note,
    ]
