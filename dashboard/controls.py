"""Where the reader chooses: the sidebar, and choices of one view; all of it in the address."""

from collections.abc import Callable, Mapping

import streamlit as st

from core.bots import BotState
from core.market import SIDES
from dashboard.data import database
from dashboard.selection import BOTH, CUSTOM, WINDOWS, Selection, custom_days, window_label, zones

_SIDE_LABELS = {BOTH: "Both", **{str(side): str(side) for side in SIDES}}


def draw_sidebar(selection: Selection, state: BotState | None) -> None:
    settings = database.settings()
    with st.sidebar:
        _pick("bot", "Bot", [bot.name for bot in settings.bots], selection.bot)
        _window(selection, state)
        comparisons = list(settings.bot(selection.bot).comparisons)
        if comparisons:
            _pick("comparison", "Comparison", comparisons, selection.comparison)
        _segments(
            "side",
            "Side",
            list(_SIDE_LABELS),
            str(selection.side or BOTH),
            _SIDE_LABELS.__getitem__,
        )
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
        format_func=lambda choice: "Days …" if choice == CUSTOM else window_label(choice),
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
        format_func=lambda choice: words.get(choice, choice) if words else choice,
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
