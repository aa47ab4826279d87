"""Logged features against recomputed ones over a window, cached."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.bundle.load import load_bundle
from core.features import reads as stored_features
from core.features.feature_overview import FeatureOverview, spread_sample, summarise_features
from core.recompute.reads import read_sensitivity
from core.times import from_us
from dashboard.data import database
from dashboard.selection import Bounds


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def sensitivity(bot_id: int, name: str, version: str) -> dict[str, Any] | None:
    """What the collector measured of a backtest's lookback; None where it did not."""
    with database.engine().connect() as connection:
        stored = read_sensitivity(connection, bot_id, name)
    return None if stored is None else dict(stored)


@st.cache_data(ttl=600, max_entries=8, show_spinner="Comparing features …")
def feature_overview(
    bot_id: int,
    name: str,
    bounds: Bounds,
    bundle: Path | None,
    not_features: tuple[str, ...],
    version: str,
) -> FeatureOverview | None:
    """A spread sample of the window's features against a backtest's (name "": none)."""
    with database.engine().connect() as connection:
        opens = stored_features.opens_in(connection, bot_id, bounds.from_, bounds.until)
        if not len(opens):
            return None
        sample = spread_sample(opens)
        span = from_us(int(opens[-1])) - from_us(int(opens[0]))
        before = stored_features.opens_in(
            connection, bot_id, from_us(int(opens[0])) - span, from_us(int(opens[0]))
        )
        logged = stored_features.logged_vectors(
            connection, bot_id, sample, not_features=not_features
        )
        reference = stored_features.logged_vectors(
            connection, bot_id, spread_sample(before), not_features=not_features
        )
        recomputed = (
            stored_features.backtest_vectors(connection, bot_id, name, sample)
            if name
            else logged.iloc[:0]
        )
    return summarise_features(
        logged,
        recomputed,
        reference,
        None if bundle is None else load_bundle(bundle),
        stored=len(opens),
    )
