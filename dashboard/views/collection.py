"""Is every candle logged: the calendar, what is missing, late, or could not be read."""

import streamlit as st

from dashboard import shell, states
from dashboard.data import collection_reads
from dashboard.sections import collection as sections
from dashboard.selection import Bounds
from dashboard.shell import Screen


def render() -> None:
    shell.draw("collection", body)


def body(screen: Screen) -> None:
    overview = collection_reads.collection(
        screen.bot, screen.state.bot_id, screen.bounds, screen.version
    )
    whole = collection_reads.collection(
        screen.bot, screen.state.bot_id, Bounds(None, None), screen.version
    )
    if overview is None or whole is None:
        states.filtered_out("No candle of this window was logged.")
        return
    sections.collection_status(screen, overview)
    sections.cards(screen, overview, whole)
    sections.pictures(screen, overview)
    sections.gap_list(screen, overview)
    sections.layout_list(screen, overview)
    sections.quarantine_list(screen)
    with st.expander("Files that were read", icon=":material/description:"):
        sections.file_list(screen)
