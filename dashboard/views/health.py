"""Is the collector alive: answered from what it stored, never from a heartbeat of our own."""

import streamlit as st

from dashboard import shell
from dashboard.data import health_reads
from dashboard.sections import health as sections
from dashboard.sections.signal_logs import draw_signal_logs
from dashboard.shell import Screen


def render() -> None:
    shell.draw("health", body)


def body(screen: Screen) -> None:
    steps = health_reads.newest_by_step(screen.state.bot_id, screen.version)
    sections.alive(screen, steps)
    sections.step_table(screen, steps)
    sections.coverage_table(screen)
    sections.errors(screen)
    draw_signal_logs(screen)
    sections.sources(screen)
    sections.database_and_versions(screen)
    with st.expander("Newest runs", icon=":material/history:"):
        sections.recent_runs(screen)
