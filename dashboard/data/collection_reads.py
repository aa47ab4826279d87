"""What was logged, and what became of every line, cached."""

from datetime import datetime
from typing import Any

import streamlit as st

from core.candles import reads as stored_candles
from core.collection import reads as stored_collection
from core.collection.calendar import CollectionOverview, Completeness, summarise_collection
from core.collection.calendar import completeness as summarise_completeness
from core.feature_log import reads as stored_lines
from core.features import reads as stored_features
from core.settings import BotSettings
from core.times import Timeframe, index_from_us
from dashboard import clock
from dashboard.data import database
from dashboard.selection import Bounds


def collection(
    bot: BotSettings, bot_id: int, bounds: Bounds, version: str
) -> CollectionOverview | None:
    """A window of the feature log summed up, as of the last closed candle; None without rows."""
    return _collection(
        bot_id, bot.timeframe, bot.target_days, bounds, bot.frame.floor(clock.now()), version
    )


def completeness(
    bot: BotSettings, bot_id: int, bounds: Bounds, version: str
) -> Completeness | None:
    """How complete a window is, without reading more than its candle opens."""
    now = bot.frame.floor(clock.now())
    return _completeness(bot_id, bot.timeframe, bot.target_days, bounds, now, version)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def _completeness(
    bot_id: int, timeframe: str, target_days: int, bounds: Bounds, now: datetime, version: str
) -> Completeness | None:
    with database.engine().connect() as connection:
        opens = stored_features.opens_in(connection, bot_id, bounds.from_, bounds.until)
    if not len(opens):
        return None
    frame = Timeframe.parse(timeframe)
    return summarise_completeness(index_from_us(opens), frame, now=now, target_days=target_days)


@st.cache_data(ttl=600, max_entries=32, show_spinner="Reading the log's calendar …")
def _collection(
    bot_id: int, timeframe: str, target_days: int, bounds: Bounds, now: datetime, version: str
) -> CollectionOverview | None:
    with database.engine().connect() as connection:
        rows = stored_collection.collection_frame(connection, bot_id, bounds.from_, bounds.until)
        quarantined = stored_collection.quarantined_opens(connection, bot_id)
    if rows.empty:
        return None
    return summarise_collection(
        rows, quarantined, Timeframe.parse(timeframe), now=now, target_days=target_days
    )


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def ingestion_account(bot_id: int, version: str) -> dict[str, int]:
    """What became of every data line: lines = stored + duplicates + quarantined + waiting."""
    with database.engine().connect() as connection:
        return stored_lines.ingestion_account(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def layouts(bot_id: int, version: str) -> dict[int, stored_collection.Layout]:
    """Every layout of the bot's feature log."""
    with database.engine().connect() as connection:
        return stored_collection.layouts(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def quarantine_reasons(bot_id: int, version: str) -> list[tuple[str, int]]:
    """How many lines wait for which reason."""
    with database.engine().connect() as connection:
        return stored_collection.quarantine_reasons(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def quarantined_lines(bot_id: int, reason: str | None, version: str) -> list[dict[str, Any]]:
    """The newest lines in quarantine with their raw text."""
    with database.engine().connect() as connection:
        return stored_collection.quarantined_lines(connection, bot_id, reason=reason)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def files(bot_id: int, version: str) -> list[dict[str, Any]]:
    """Every file that was read, with its account."""
    with database.engine().connect() as connection:
        return stored_collection.files(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def revised_candles(bot_id: int, since: datetime, version: str) -> int:
    """How many candles changed after they were first stored, as seen since then."""
    with database.engine().connect() as connection:
        return stored_candles.revised_candles(connection, bot_id, since)
