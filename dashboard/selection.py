"""What the reader looks at: bot, window, comparison, side, zone — kept in the address.

The address wins over what was chosen before in this session; both survive a change
of view and a reload, and a pasted link shows the same screen.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

import streamlit as st

from core.market import REPLAY, SIDES, Side
from core.settings import Settings

WINDOWS = {
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
    "all": ("Everything stored", None),
}
DEFAULT_WINDOW = "7d"
CUSTOM = "custom"
BOTH = "both"
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_REMEMBERED = "selection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Everything that decides what a view shows."""

    bot: str
    window: str
    comparison: str
    side: Side | None  # None: both
    zone: str

    @property
    def sides(self) -> tuple[Side, ...]:
        return SIDES if self.side is None else (self.side,)

    def params(self, **more: str) -> dict[str, str]:
        """The selection as it stands in an address, with further parameters."""
        own = {
            "bot": self.bot,
            "window": self.window,
            "comparison": self.comparison,
            "side": self.side or BOTH,
            "zone": self.zone,
        }
        return {**own, **more}


@dataclass(frozen=True, slots=True)
class Bounds:
    """A window resolved to candle opens: from inclusive, until exclusive; None is open-ended."""

    from_: datetime | None
    until: datetime | None


def resolve(
    wanted: Mapping[str, str], settings: Settings, *, reader_zone: str | None = None
) -> Selection:
    """The nearest valid selection: what is unknown falls back to its default."""
    bots = [bot.name for bot in settings.bots]
    bot = _one_of(wanted.get("bot"), bots)
    comparisons = settings.bot(bot).comparisons if bot else ()
    first_backtest = next((name for name in comparisons if name != REPLAY), None)
    window = wanted.get("window", DEFAULT_WINDOW)
    return Selection(
        bot=bot,
        window=window if window in WINDOWS or custom_days(window) else DEFAULT_WINDOW,
        comparison=_one_of(
            wanted.get("comparison"), comparisons, first_backtest or _one_of(None, comparisons)
        ),
        side=next((side for side in SIDES if side == wanted.get("side")), None),
        zone=_zone(wanted.get("zone"), settings, reader_zone),
    )


def custom_days(window: str) -> tuple[date, date] | None:
    """The first and last UTC day of a window like 2025-11-03..2025-11-06."""
    match = _DAYS.fullmatch(window)
    if match is None:
        return None
    try:
        first, last = (date.fromisoformat(text) for text in match.groups())
    except ValueError:
        return None
    return (first, last) if first <= last else None


def bounds(window: str, last_candle: datetime | None, bar: timedelta) -> Bounds:
    """A window in candle opens. Lengths count back from the end of the newest candle.

    The window ends with the data, not with the clock, so that it shows the same
    candles until new ones come; how old they are is said beside it.
    """
    days = custom_days(window)
    if days is not None:
        first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days)
        return Bounds(first, last + timedelta(days=1))
    length = WINDOWS[window][1]
    if length is None or last_candle is None:
        return Bounds(None, None)
    until = last_candle + bar
    return Bounds(until - length, until)


def window_label(window: str) -> str:
    """A window as the reader names it."""
    days = custom_days(window)
    if days is not None:
        return f"{days[0]:%Y-%m-%d} to {days[1]:%Y-%m-%d} (UTC days)"
    return WINDOWS[window][0]


def current_selection(settings: Settings) -> Selection:
    """The selection of this drawing, written back to the address."""
    remembered: dict[str, str] = st.session_state.get(_REMEMBERED, {})
    wanted = {**remembered, **st.query_params.to_dict()}
    selection = resolve(wanted, settings, reader_zone=st.context.timezone)
    st.session_state[_REMEMBERED] = selection.params()
    for name, value in selection.params().items():
        if st.query_params.get(name) != value:
            st.query_params[name] = value
    return selection


def zones(settings: Settings, reader_zone: str | None, chosen: str) -> list[str]:
    """The zones on offer: the configured one, UTC, the reader's own."""
    offered = [settings.display_zone, "UTC", reader_zone or "", chosen]
    return list(dict.fromkeys(zone for zone in offered if zone in _known_zones()))


@cache
def _known_zones() -> frozenset[str]:
    """Every zone name; asking the system takes longer than drawing a chart."""
    return frozenset(available_timezones())


def _zone(wanted: str | None, settings: Settings, reader_zone: str | None) -> str:
    if wanted in _known_zones():
        return str(wanted)
    return settings.display_zone


def _one_of(wanted: str | None, known: Sequence[str], default: str | None = None) -> str:
    if wanted in known:
        return str(wanted)
    return default if default is not None else next(iter(known), "")
