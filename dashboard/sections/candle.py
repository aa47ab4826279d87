"""The view Candle: which candle this is, and the raw line it was read from."""

import streamlit as st

from dashboard import links, states
from dashboard.data import database
from dashboard.format import moment
from dashboard.markup import Link, draw_links, draw_status, draw_text
from dashboard.sections.candle_screen import CandleScreen
from dashboard.sentences import candle_badge, candle_sentence


def status(candle: CandleScreen) -> None:
    """Which candle, how far it is off, and its neighbours."""
    screen = candle.screen
    draw_status(
        candle_badge(candle.pairs),
        candle_sentence(candle.pairs, candle.comparison.name),
        detail=(
            f"Candle open {moment(candle.candle_open, 'UTC')}"
            + (f" = {moment(candle.candle_open, screen.zone)}" if screen.zone != "UTC" else "")
            + f" · {candle.comparison.name}"
        ),
    )
    _steps(candle)


def _steps(candle: CandleScreen) -> None:
    before, after = candle.facts.neighbours
    selection = candle.screen.selection
    links_to = [
        Link(
            words,
            links.href("candle", selection.params(open=links.open_param(opened))),
        )
        for words, opened in (("← Candle before", before), ("Candle after →", after))
        if opened is not None
    ]
    links_to.append(Link("All worst candles", links.href("worst", selection.params())))
    draw_links(*links_to)


def raw_line(candle: CandleScreen) -> None:
    """The line that the candle's row was read from."""
    st.subheader("Raw log line", anchor=False)
    line = candle.facts.line
    if line is None:
        states.not_available("The bot did not log this candle.", "It is one of the gaps.")
        return
    recovered = " · recovered: its file's header does not describe it" if line.is_recovered else ""
    draw_text(
        f"{database.shown_path(line.path)}, line {line.line} · logged at "
        f"{moment(line.logged_at, candle.screen.zone, seconds=True)}{recovered}"
    )
    if line.text is None:
        st.caption(f"The text cannot be shown: {line.problem}.")
    else:
        st.code(line.text, language=None, wrap_lines=True, height=140)
