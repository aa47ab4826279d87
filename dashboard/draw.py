"""How charts and long tables are put on the page, alike everywhere."""

import io
from collections.abc import Callable, Hashable
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.charts import theme
from dashboard.data import figures
from dashboard.format import csv_cell

_CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}


def draw_chart(
    build: Callable[[], go.Figure],
    *,
    of: tuple[Hashable, ...],
    key: str,
    alt: str,
    note: str = "",
) -> None:
    """A chart over the full width; `alt` says in words what it shows.

    `of` names everything that the figure depends on: it is built once for each. `note`
    is what restricts all that it shows: it stands under the title and in the words.
    """
    drawn = figures.figure((*of, key, note), partial(_noted, build, note))
    words = f"{alt}. {note}" if note else alt
    st.plotly_chart(drawn, key=key, config=_CONFIG, alt=words)


def _noted(build: Callable[[], go.Figure], note: str) -> go.Figure:
    return theme.with_note(build(), note) if note else build()


def export_csv(frame: pd.DataFrame) -> bytes:
    """The rows as CSV with ISO times; text that a spreadsheet would run is defused."""
    texts = frame.select_dtypes(include=["object", "str", "category"])
    safe = frame.assign(**{name: texts[name].map(csv_cell) for name in texts.columns})
    safe = safe.rename(columns=csv_cell)
    for name in safe.select_dtypes(include=["datetimetz"]).columns:
        safe[name] = safe[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    target = io.StringIO()
    safe.to_csv(target, index=False)
    return target.getvalue().encode("utf-8")


def offer_export(frame: pd.DataFrame, *, name: str, key: str) -> None:
    """A button that saves what is shown."""
    st.download_button(
        "Export what is shown (CSV)",
        data=lambda: export_csv(frame),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        key=key,
        on_click="ignore",
    )
