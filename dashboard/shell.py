"""The frame around every view: title, freshness, selection in the sidebar."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from core.alignment.freshness import Freshness, FreshnessState, judge_freshness
from core.alignment.overview import PairOverview, deployment_stretches
from core.bundle.deployments import deployment_spans, live_bundle_at
from core.errors import AlignError
from core.settings import BotSettings
from core.storage.reads.bots import Comparison
from core.storage.reads.dashboard_state import BotState
from dashboard import clock, data, format, states
from dashboard.links import view_of
from dashboard.markup import STYLE, Badge, draw_line
from dashboard.selection import (
    BOTH,
    CUSTOM,
    DEFAULT_WINDOW,
    WINDOWS,
    Bounds,
    Selection,
    bounds,
    current_selection,
    custom_days,
    window_label,
    zones,
)
from dashboard.wording import other_word, production_word

_LOG = logging.getLogger(__name__)
_SIDE_LABELS = {BOTH: "Both", "LONG": "LONG", "SHORT": "SHORT"}


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
    screen = _screen(view.question)
    try:
        body(screen)
    except (AlignError, SQLAlchemyError, OSError) as error:
        _LOG.exception("%s could not be drawn: %s", url_path, error)
        states.failed(view.title)


def _screen(question: str) -> Screen:
    """Selection, freshness and window; stops the page where nothing is stored."""
    settings = data.settings()
    if not settings.bots:
        states.no_bots()
        st.stop()
    selection = current_selection(settings)
    version = data.data_version()
    bot = settings.bot(selection.bot)
    by_name = {state.name: state for state in data.bot_states(version)}
    state = by_name.get(bot.name)
    _sidebar(selection, state)
    st.caption(question)
    draw_freshness(bot, selection.zone, version)
    if state is None or state.last_candle is None:
        last_run = data.last_run_at()
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
        all_bots=tuple(one.name for one in settings.bots),
    )


def draw_freshness(bot: BotSettings, zone: str, version: str) -> None:
    """The bar that says how old all of this is; looks again a few times a candle."""
    pause = min(max(bot.frame.length / 10, timedelta(seconds=10)), timedelta(seconds=60))

    @st.fragment(run_every=pause)
    def bar() -> None:
        newest = data.data_version()
        if newest != version:
            st.rerun(scope="app")
        freshness = current_freshness(bot, newest)
        words = _freshness_words(freshness, zone, bot.frame.length)
        draw_line(freshness_badge(freshness), *words, _simulated(bot))

    bar()


def current_freshness(bot: BotSettings, version: str) -> Freshness:
    """How fresh a bot's data is now."""
    state = {state.name: state for state in data.bot_states(version)}.get(bot.name)
    return judge_freshness(
        now=clock.now(),
        last_candle=None if state is None else state.last_candle,
        last_run=data.last_run_at(),
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
    words.append(
        f"Collector last ran {format.moment(freshness.last_run, zone)} "
        f"({format.ago(freshness.last_run, now)})"
        if freshness.last_run is not None
        else "The collector has not run yet"
    )
    return words


def _simulated(bot: BotSettings) -> str | Badge:
    return Badge("note", "Simulated bot") if bot.exchange == "simulated" else ""


def _sidebar(selection: Selection, state: BotState | None) -> None:
    settings = data.settings()
    with st.sidebar:
        _pick("bot", "Bot", [bot.name for bot in settings.bots], selection.bot)
        _window(selection, state)
        comparisons = list(settings.bot(selection.bot).comparisons)
        if comparisons:
            _pick("comparison", "Comparison", comparisons, selection.comparison)
        _segments("side", "Side", list(_SIDE_LABELS), selection.side, _SIDE_LABELS.__getitem__)
        offered = zones(settings, st.context.timezone, selection.zone)
        _pick("zone", "Times shown in", offered, selection.zone)
        if st.user.get("is_logged_in", False):
            st.button("Sign out", icon=":material/logout:", on_click=st.logout)


def _window(selection: Selection, state: BotState | None) -> None:
    days = custom_days(selection.window)
    options = [*WINDOWS, CUSTOM]
    shown = CUSTOM if days else selection.window

    def choose() -> None:
        chosen = st.session_state["pick-window"]
        if chosen != CUSTOM:
            st.query_params["window"] = chosen
        elif state is not None and state.first_candle and state.last_candle:
            last = state.last_candle.date()
            st.query_params["window"] = f"{last}..{last}"

    st.session_state["pick-window"] = shown
    st.selectbox(
        "Window",
        options,
        key="pick-window",
        format_func=lambda one: "Days …" if one == CUSTOM else window_label(one),
        on_change=choose,
        help="Lengths count back from the newest stored candle; days are UTC days.",
    )
    if days:
        st.session_state["pick-days"] = days
        st.date_input("Days (UTC)", key="pick-days", on_change=_choose_days)


def _choose_days() -> None:
    chosen = st.session_state["pick-days"]
    if len(chosen) == 2:
        st.query_params["window"] = f"{chosen[0]}..{chosen[1]}"


def _pick(name: str, label: str, options: list[str], value: str) -> None:
    key = f"pick-{name}"
    st.session_state[key] = value
    st.selectbox(label, options, key=key, on_change=_take, args=(name, key))


def _segments(
    name: str, label: str, options: list[str], value: str, words: Callable[[str], str]
) -> None:
    key = f"pick-{name}"
    st.session_state[key] = value
    st.segmented_control(
        label, options, key=key, format_func=words, on_change=_take, args=(name, key), required=True
    )


def _take(name: str, key: str) -> None:
    st.query_params[name] = st.session_state[key]


def chosen_comparison(screen: Screen) -> Comparison | None:
    """The selected comparison as stored; draws its state and returns None where there is none."""
    stored = {one.name: one for one in data.comparisons(screen.state.bot_id, screen.version)}
    found = stored.get(screen.selection.comparison)
    if found is None and not screen.bot.comparisons:
        states.not_available(
            "Nothing to compare production with is configured.",
            "Add [[bots.backtests]] or [[bots.signal_log]] to align.toml.",
        )
    elif found is None:
        states.not_available(
            f"{screen.selection.comparison} has not been paired yet.",
            "The collector pairs it in its next cycle: python -m collector once",
        )
    return found


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


def overview_of(screen: Screen, comparison: Comparison) -> PairOverview | None:
    """The window's pairs of one comparison, summed up; None without a pair."""
    stretches = deployment_stretches(deployment_spans(screen.bot), screen.bot.frame)
    return data.pair_overview(
        comparison.id, comparison.tolerance, stretches, screen.bounds, screen.version
    )


def pick_param(
    name: str, label: str, options: list[str], *, words: Mapping[str, str] | None = None
) -> str:
    """A choice of one view that stays in the address under `name`."""
    wanted = st.query_params.get(name)
    value = wanted if wanted in options else options[0]
    key = f"pick-{name}"
    st.session_state[key] = value
    st.selectbox(
        label,
        options,
        key=key,
        format_func=lambda one: words.get(one, one) if words else one,
        on_change=_take,
        args=(name, key),
    )
    return value


def toggle_param(name: str, label: str) -> bool:
    """A filter of one view that stays in the address while it is on."""
    key = f"toggle-{name}"
    st.session_state[key] = st.query_params.get(name) == "1"

    def take() -> None:
        if st.session_state[key]:
            st.query_params[name] = "1"
        else:
            st.query_params.pop(name, None)

    return st.toggle(label, key=key, on_change=take)
