"""The frame around every view: title, freshness, selection in the sidebar."""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from core.alignment.overview import PairOverview, deployment_stretches
from core.bots import BotState, Comparison
from core.bundle.deployments import deployment_spans, live_bundle_at
from core.errors import AlignError
from core.recompute.reads import Coverage
from core.settings import BotSettings
from dashboard import clock, format, states
from dashboard.controls import draw_sidebar
from dashboard.data import database, pair_reads
from dashboard.freshness_bar import draw_freshness
from dashboard.links import VIEWS, View, view_of
from dashboard.markup import STYLE, Badge, draw_line
from dashboard.selection import (
    DEFAULT_WINDOW,
    Bounds,
    Selection,
    bounds,
    current_selection,
    window_label,
)
from dashboard.sentences import sample_words
from dashboard.wording import other_word, production_word

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What a view draws: the selection, resolved against what is stored."""

    selection: Selection
    bot: BotSettings
    state: BotState
    bounds: Bounds
    version: str
    all_bots: tuple[str, ...]

    @property
    def zone(self) -> str:
        return self.selection.zone

    @property
    def mark(self) -> tuple[Hashable, ...]:
        """Names everything that the screen shows: the data, the selection, the running candle."""
        return (self.version, self.selection, self.bounds, self.bot.frame.floor(clock.now()))

    @property
    def live_bundle(self) -> Path | None:
        """The bundle that was live at the newest candle, if it is known."""
        newest = self.state.last_candle
        return None if newest is None else live_bundle_at(self.bot, newest)

    @property
    def recent_bounds(self) -> Bounds:
        """The window, or its last seven days where it is longer."""
        week = bounds(DEFAULT_WINDOW, self.state.last_candle, self.bot.frame.length)
        until = self.bounds.until or week.until
        if until is None:
            return self.bounds
        start = until - timedelta(days=7)
        return Bounds(max(self.bounds.from_ or start, start), until)


def draw(url_path: str, body: Callable[[Screen], None]) -> None:
    """Draw a view inside the frame; a failure is logged and shown as a state of its own."""
    st.html(STYLE)
    states.stop_without_database()
    view = view_of(url_path)
    st.title(view.title, anchor=False)
    try:
        body(_screen(view))
    except (AlignError, SQLAlchemyError, OSError) as error:
        _LOG.exception("%s could not be drawn: %s", url_path, error)
        states.failed(view.title)


def _screen(view: View) -> Screen:
    """Selection, freshness and window; stops the page where nothing is stored.

    The first view says in its own status how fresh its bots are.
    """
    settings = database.settings()
    if not settings.bots:
        states.no_bots()
        st.stop()
    selection = current_selection(settings)
    version = database.data_version()
    bot = settings.bot(selection.bot)
    by_name = {state.name: state for state in database.bot_states(version)}
    state = by_name.get(bot.name)
    draw_sidebar(selection, state)
    st.caption(view.question)
    is_empty = state is None or state.last_candle is None
    if is_empty or view is not VIEWS[0]:
        draw_freshness(bot, selection.zone, version)
    if state is None or state.last_candle is None:
        last_run = database.last_run_at()
        states.never_collected(
            bot.name, last_run=format.moment(last_run, selection.zone) if last_run else None
        )
        st.stop()
    return Screen(
        selection=selection,
        bot=bot,
        state=state,
        bounds=bounds(selection.window, state.last_candle, bot.frame.length),
        version=version,
        all_bots=tuple(bot.name for bot in settings.bots),
    )


def chosen_comparison(screen: Screen) -> Comparison | None:
    """The selected comparison as stored; draws its state and returns None where there is none."""
    comparisons = pair_reads.comparisons(screen.state.bot_id, screen.version)
    stored = {entry.name: entry for entry in comparisons}
    comparison = stored.get(screen.selection.comparison)
    if comparison is None and not screen.bot.comparisons:
        states.not_available(
            "Nothing to compare production with is configured.",
            "Add [[bots.backtests]] or [[bots.signal_log]] to align.toml.",
        )
    elif comparison is None:
        states.not_available(
            f"{screen.selection.comparison} has not been paired yet.",
            "The collector pairs it in its next cycle: python -m collector once",
        )
    return comparison


def overview_or_state(screen: Screen, comparison: Comparison | None) -> PairOverview | None:
    """The window's pairs summed up; draws the state and returns None where there is no pair."""
    if comparison is None:
        return None
    overview = overview_of(screen, comparison)
    if overview is None:
        states.filtered_out(
            f"No candle has both a {production_word(comparison.name).lower()} and a "
            f"{other_word(comparison.name).lower()} signal in this window "
            f"({window_label(screen.selection.window).lower()})."
        )
    return overview


def coverage_of(screen: Screen, name: str) -> Coverage | None:
    """How much of the window a comparison covers; None where nothing waits in its queue."""
    return pair_reads.coverage(screen.state.bot_id, name, screen.bounds, screen.version)


def draw_sample(screen: Screen, name: str = "") -> None:
    """Say so where all numbers of a comparison (the chosen one) rest on a part of the window."""
    note = sample_note(screen, name)
    if note:
        draw_line(Badge("warn", "Sample"), f"{note}, flagged and newest first.")


def sample_note(screen: Screen, name: str = "") -> str:
    """What stands on every chart of a comparison (the chosen one) over a sample; else empty."""
    return sample_words(coverage_of(screen, name or screen.selection.comparison))


def overview_of(screen: Screen, comparison: Comparison) -> PairOverview | None:
    """The window's pairs of one comparison, summed up; None without a pair."""
    stretches = deployment_stretches(deployment_spans(screen.bot), screen.bot.frame)
    return pair_reads.pair_overview(
        comparison.id, comparison.tolerance, stretches, screen.bounds, screen.version
    )
