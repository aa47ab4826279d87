"""Comparisons and their pairs, cached."""

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from core.alignment import reads as stored_pairs
from core.alignment.agreement import matched
from core.alignment.overview import NamedSpan, PairOverview, summarise
from core.alignment.reads import ReplayTotals
from core.bots import Comparison
from core.bots import comparisons as read_comparisons
from core.market import SIDES
from core.recompute import coverage as stored_coverage
from core.recompute.reads import Coverage
from dashboard.data import database
from dashboard.selection import Bounds

_AROUND_BARS = 36


@st.cache_data(ttl=600, max_entries=32, show_spinner=False)
def comparisons(bot_id: int, version: str) -> tuple[Comparison, ...]:
    """The bot's configured comparisons, in order."""
    with database.engine().connect() as connection:
        return read_comparisons(connection, bot_id)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def coverage(bot_id: int, name: str, bounds: Bounds, version: str) -> Coverage | None:
    """How much of a window a backtest covers; None where nothing waits in its queue."""
    with database.engine().connect() as connection:
        return stored_coverage.window_coverage(connection, bot_id, name, bounds.from_, bounds.until)


@st.cache_data(ttl=600, max_entries=32, show_spinner="Reading pairs …")
def pair_overview(
    comparison_id: int,
    tolerance: float | None,
    stretches: tuple[NamedSpan, ...],
    bounds: Bounds,
    version: str,
) -> PairOverview | None:
    """Everything that the alignment charts show of a window; None without a pair."""
    with database.engine().connect() as connection:
        pairs = stored_pairs.window_pairs(connection, comparison_id, bounds.from_, bounds.until)
    return None if pairs.empty else summarise(pairs, tolerance, stretches)


@st.cache_data(ttl=600, max_entries=32, show_spinner=False)
def worst_pairs(
    bot_id: int,
    comparison_id: int,
    chosen: stored_pairs.WorstFilter,
    bounds: Bounds,
    limit: int,
    version: str,
    notes_version: int,
) -> pd.DataFrame:
    """The worst pairs of a window; see core.alignment.stored_pairs."""
    with database.engine().connect() as connection:
        return stored_pairs.worst_pairs(
            connection,
            bot_id,
            comparison_id,
            chosen,
            from_=bounds.from_,
            until=bounds.until,
            limit=limit,
        )


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def matched_ratios(
    bot_id: int, comparison_id: int, name: str, bounds: Bounds, version: str
) -> dict[str, float | None]:
    """Pairs ÷ candles with a signal on either side, by side."""
    with database.engine().connect() as connection:
        return {
            str(side): matched(
                connection, bot_id, comparison_id, name, side, bounds.from_, bounds.until
            )
            for side in SIDES
        }


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def candle_counts(comparison_id: int, bounds: Bounds, version: str) -> tuple[int, int]:
    """Candles of a window with a pair, and those of them beyond the tolerance."""
    with database.engine().connect() as connection:
        return stored_pairs.candle_counts(connection, comparison_id, bounds.from_, bounds.until)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def count_flagged(comparison_id: int, since: datetime, version: str) -> int:
    """How many candles have a pair beyond the tolerance since then."""
    with database.engine().connect() as connection:
        return stored_pairs.count_flagged(connection, comparison_id, from_=since)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def replay_totals(comparison_id: int, version: str) -> ReplayTotals:
    """How many emitted signals the replay reproduces."""
    with database.engine().connect() as connection:
        return stored_pairs.replay_totals(connection, comparison_id)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def signals_around(
    bot_id: int, comparison_id: int, candle_open: datetime, bar: timedelta, version: str
) -> pd.DataFrame:
    """Pairs of one comparison around a candle; columns as day_block.unpack_pairs gives them."""
    with database.engine().connect() as connection:
        return stored_pairs.window_pairs(
            connection,
            comparison_id,
            candle_open - _AROUND_BARS * bar,
            candle_open + (_AROUND_BARS + 1) * bar,
        )
