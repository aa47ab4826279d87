"""Why does this candle differ: /candle?bot=…&open=…, a link that anybody can paste."""

from datetime import datetime

import streamlit as st

from core.bots import Comparison
from dashboard import links, shell, states
from dashboard.sections import candle as sections
from dashboard.sections import candle_features, candle_signals, candle_why, worst
from dashboard.sections.candle_screen import candle_screen
from dashboard.shell import Screen


def render() -> None:
    shell.draw("candle", body)


def body(screen: Screen) -> None:
    comparison = shell.chosen_comparison(screen)
    if comparison is None:
        return
    candle_open = _chosen_candle(screen, comparison)
    if candle_open is None:
        states.filtered_out("The address names no candle, and none is stored to start with.")
        return
    candle = candle_screen(screen, comparison, candle_open)
    if candle.facts.line is None and not candle.facts.signals:
        states.filtered_out(
            f"Nothing is stored of the candle {links.open_param(candle_open)}. It may be one of "
            "the gaps, lie outside the log, or not on the candle grid."
        )
        return
    sections.status(candle)
    candle_why.why(candle)
    candle_signals.signals_table(candle)
    candle_signals.pictures(candle)
    candle_features.features(candle)
    candle_features.ladder(candle)
    sections.raw_line(candle)
    st.subheader("Review", anchor=False)
    worst.review_form(screen, candle_open)


def _chosen_candle(screen: Screen, comparison: Comparison) -> datetime | None:
    """The candle of the address; without one the worst of the comparison, else the newest."""
    named = links.parse_open(st.query_params.get("open"))
    if named is not None:
        return named
    ranked = worst.worst_rows(screen, comparison, (False, False, False))
    if ranked.empty:
        return screen.state.last_candle
    chosen: datetime = ranked["candle_open"].iloc[0].to_pydatetime()
    st.query_params["open"] = links.open_param(chosen)
    return chosen
