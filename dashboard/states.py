"""What is shown where there is nothing to show: each state says what it means and what to do."""

import streamlit as st

from core.storage.schema_state import SchemaState
from dashboard.data import database
from dashboard.markup import Badge, draw_status

_RUN = "python -m collector run"


def database_page(state: SchemaState) -> None:
    """The page for a database that is missing, older or newer: one instruction, no traceback."""
    badge, sentence, instruction = {
        SchemaState.MISSING: (
            Badge("unknown", "No data yet"),
            "The collector has not run yet: there is no database to show.",
            _RUN,
        ),
        SchemaState.OLDER: (
            Badge("warn", "Older database"),
            "The database was written by an older version of Align. "
            "Start the collector of this version once; it brings the database up to date.",
            "python -m collector once",
        ),
        SchemaState.NEWER: (
            Badge("warn", "Newer database"),
            "The database was written by a newer version of Align. "
            "Start the dashboard of that version.",
            "python -m dashboard",
        ),
    }[state]
    draw_status(badge, sentence)
    st.code(instruction, language=None)
    st.button("Look again", icon=":material/refresh:")


def no_bots() -> None:
    """The configuration names no bot."""
    draw_status(
        Badge("unknown", "No bot configured"),
        "The configuration names no bot. Add a [[bots]] table to align.toml; "
        "align.example.toml shows one.",
    )


def never_collected(bot: str, *, last_run: str | None) -> None:
    """The bot is configured and nothing of it is stored."""
    seen = f"The collector last ran at {last_run} and found no row." if last_run else ""
    draw_status(
        Badge("unknown", "Never collected"),
        f"No candle of {bot} has been stored yet. {seen} "
        "Check paths under [bots.feature_log] in align.toml, then run the collector.",
    )
    st.code(_RUN, language=None)


def nothing_flagged(sentence: str) -> None:
    """Looked, and found nothing: good news, with what was looked at."""
    draw_status(Badge("good", "Nothing flagged"), sentence)


def filtered_out(sentence: str) -> None:
    """There are rows, none of them in this window or behind these filters."""
    draw_status(Badge("note", "Filtered out"), sentence, detail="Widen the window or the filters.")


def not_available(what: str, needs: str) -> None:
    """This question cannot be answered from what is configured; what would answer it."""
    draw_status(Badge("unknown", "Not available"), what, detail=needs)


def failed(what: str) -> None:
    """Something went wrong while reading; details are in the server's own log, never here."""
    draw_status(
        Badge("bad", "Error"),
        f"{what} could not be read. The dashboard's own log has the details; "
        f"the health of the collector is on the page Health.",
    )
    st.button("Try again", icon=":material/refresh:", key=f"retry-{what}")


def stop_without_database() -> None:
    """Draw the database page and stop, where there is nothing that can be read."""
    problem = database.database_problem()
    if problem is not None:
        st.title("Align")
        database_page(problem)
        st.stop()
