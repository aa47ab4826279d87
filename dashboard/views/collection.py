"""Is every candle logged: the calendar, what is missing, late, or could not be read."""

import streamlit as st

from core.alignment.calendar import CollectionOverview
from dashboard import data, shell, states
from dashboard.charts import collection as charts
from dashboard.draw import draw_chart
from dashboard.format import plural
from dashboard.sections import collection as sections
from dashboard.selection import Bounds
from dashboard.shell import Screen


def render() -> None:
    shell.draw("collection", body)


def body(screen: Screen) -> None:
    overview = data.collection(screen.bot, screen.state.bot_id, screen.bounds, screen.version)
    whole = data.collection(screen.bot, screen.state.bot_id, Bounds(None, None), screen.version)
    if overview is None or whole is None:
        states.filtered_out("No candle of this window was logged.")
        return
    sections.collection_status(screen, overview)
    sections.cards(screen, overview, whole)
    _charts(screen, overview)
    sections.gap_list(screen, overview)
    sections.layout_list(screen, overview)
    sections.quarantine_list(screen)
    with st.expander("Files that were read", icon=":material/description:"):
        sections.file_list(screen)


def _charts(screen: Screen, overview: CollectionOverview) -> None:
    draw_chart(
        lambda: charts.calendar_figure(overview.calendar),
        of=screen.mark,
        key="calendar",
        alt=f"{plural(overview.missing, 'candle')} missing of {overview.figures.expected} expected",
    )
    left, right = st.columns(2)
    with left:
        draw_chart(
            lambda: charts.success_figure(
                overview.days, target_ratio=screen.bot.success_target_ratio
            ),
            of=screen.mark,
            key="success",
            alt="Success ratio by UTC day against the target",
        )
    with right:
        if overview.delays is None:
            states.not_available(
                "When rows were logged is not known.",
                "Name the column under logged_at in [bots.feature_log].",
            )
        else:
            draw_chart(
                lambda: charts.delay_figure(overview.delay_bins),
                of=screen.mark,
                key="delay",
                alt="Rows by delay from candle close to logging",
            )
