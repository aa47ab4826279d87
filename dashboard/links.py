"""The views, their addresses, and links that carry the selection."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import Page

from core.times import iso_z


@dataclass(frozen=True, slots=True)
class View:
    """One view: its module in dashboard/views, address, title, icon and section."""

    module: str
    url_path: str
    title: str
    icon: str
    section: str
    question: str


VIEWS = (
    View("today", "today", "Today", ":material/today:", "Glance", "Is everything as it should be?"),
    View(
        "collection",
        "collection",
        "Collection",
        ":material/calendar_month:",
        "Check",
        "Is every candle logged?",
    ),
    View(
        "alignment",
        "alignment",
        "Alignment",
        ":material/compare_arrows:",
        "Check",
        "Do production and backtest agree?",
    ),
    View(
        "worst",
        "worst",
        "Worst candles",
        ":material/format_list_numbered:",
        "Check",
        "Which candles differ most?",
    ),
    View(
        "candle",
        "candle",
        "Candle",
        ":material/candlestick_chart:",
        "Explain",
        "Why does this candle differ?",
    ),
    View(
        "diagnosis",
        "diagnosis",
        "Diagnosis",
        ":material/troubleshoot:",
        "Explain",
        "What causes the difference, and is it proven?",
    ),
    View(
        "features",
        "features",
        "Features",
        ":material/data_array:",
        "Explain",
        "Which features differ?",
    ),
    View(
        "health",
        "health",
        "Health",
        ":material/monitor_heart:",
        "Operate",
        "Is the collector alive?",
    ),
)
_BY_PATH = {view.url_path: view for view in VIEWS}


def view_of(url_path: str) -> View:
    return _BY_PATH[url_path]


def page_of(url_path: str) -> Page:
    """The page of a view; its module is imported when it is first drawn."""
    view = _BY_PATH[url_path]
    return st.Page(
        _renderer(view.module),
        title=view.title,
        icon=view.icon,
        url_path=view.url_path,
        default=view is VIEWS[0],
    )


def navigation_pages() -> dict[str, list[Page]]:
    """Every view by section, in order."""
    sections: dict[str, list[Page]] = {}
    for view in VIEWS:
        sections.setdefault(view.section, []).append(page_of(view.url_path))
    return sections


def href(url_path: str, params: Mapping[str, str]) -> str:
    """A link inside the dashboard, relative, so that it works behind any base path."""
    path = "" if url_path == VIEWS[0].url_path else url_path
    return f"./{path}?{urlencode(params)}"


def open_param(candle_open: datetime) -> str:
    """A candle open as it stands in an address: 2025-11-06T23:50:00Z."""
    return iso_z(candle_open)


def parse_open(text: str | None) -> datetime | None:
    """The candle open that an address names; None for anything that is no time with a zone."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.astimezone(UTC)


def _renderer(module: str) -> Callable[[], None]:
    def render() -> None:
        importlib.import_module(f"dashboard.views.{module}").render()

    return render
