"""The bar that says how old the screen is; it looks again a few times a candle."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

import streamlit as st

from core.collection.freshness import Freshness, FreshnessState, judge_freshness
from core.settings import BotSettings
from dashboard import clock, format
from dashboard.data import database
from dashboard.markup import Badge, draw_line


def draw_freshness(bot: BotSettings, zone: str, version: str) -> None:
    """The bar that says how old all of this is."""

    def bar(newest: str) -> None:
        freshness = current_freshness(bot, newest)
        words = _freshness_words(freshness, zone, bot.frame.length)
        draw_line(freshness_badge(freshness), *words, simulated_badge(bot))

    draw_live(bot, version, bar)


def draw_live(bot: BotSettings, version: str, draw: Callable[[str], None]) -> None:
    """Draw something that ages, again a few times a candle; the whole page on new data.

    `draw` takes the version of the data.
    """
    pause = min(max(bot.frame.length / 10, timedelta(seconds=10)), timedelta(seconds=60))

    @st.fragment(run_every=pause)
    def part() -> None:
        newest = database.data_version()
        if newest != version:
            st.rerun(scope="app")
        draw(newest)

    part()


def current_freshness(bot: BotSettings, version: str) -> Freshness:
    """How fresh a bot's data is now."""
    state = {state.name: state for state in database.bot_states(version)}.get(bot.name)
    return judge_freshness(
        now=clock.now(),
        last_candle=None if state is None else state.last_candle,
        last_run=database.last_run_at(),
        timeframe=bot.frame,
    )


def freshness_badge(freshness: Freshness) -> Badge:
    return {
        FreshnessState.FRESH: Badge("good", "Fresh"),
        FreshnessState.BOT_SILENT: Badge("stale", "Stale: the bot is silent"),
        FreshnessState.COLLECTOR_STOPPED: Badge("stale", "Stale: the collector has stopped"),
        FreshnessState.NEVER: Badge("unknown", "Never collected"),
    }[freshness.state]


def _freshness_words(freshness: Freshness, zone: str, bar_length: timedelta) -> list[str]:
    now = clock.now()
    words = []
    if freshness.last_candle is not None:
        silent = freshness.silent_bars or 0
        missed = f", {format.plural(silent, 'closed candle')} since" if silent >= 2 else ""
        words.append(
            f"Data to {format.moment(freshness.last_candle, zone)} "
            f"(closed {format.ago(freshness.last_candle + bar_length, now)}{missed})"
        )
    words.append(collector_words(freshness, zone))
    return words


def collector_words(freshness: Freshness, zone: str) -> str:
    """When the collector last ran."""
    if freshness.last_run is None:
        return "The collector has not run yet"
    when = format.moment(freshness.last_run, zone)
    return f"Collector last ran {when} ({format.ago(freshness.last_run, clock.now())})"


def simulated_badge(bot: BotSettings) -> Badge | Literal[""]:
    """Says so where no real bot is behind the numbers."""
    return Badge("note", "Simulated bot") if bot.exchange == "simulated" else ""
