"""Everything that is stored of one candle, cached."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import streamlit as st

from core.alignment import reads as stored_pairs
from core.bundle.load import load_bundle
from core.candles.reads import read_candles
from core.diagnosis.candle_trials import climb_ladder
from core.feature_log import reads as stored_log
from core.feature_log.reads import read_vector
from core.features.attribute import CandleFeatures, compare_candle
from core.recompute.reads import read_backtest_rows
from core.settings import Mode
from core.signals import reads as stored_signals
from core.times import Timeframe
from dashboard.data import database

_AROUND_BARS = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleFacts:
    """What is stored of one candle; `prices` reach three hours of 5-minute bars each way."""

    signals: tuple[stored_signals.SignalAt, ...]
    absences: tuple[stored_signals.AbsenceAt, ...]
    pairs: pd.DataFrame
    line: stored_log.LoggedLine | None
    neighbours: tuple[datetime | None, datetime | None]
    prices: pd.DataFrame


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def candle_facts(
    bot_id: int, candle_open: datetime, bar: timedelta, source: str, version: str
) -> CandleFacts:
    """Everything that is stored of one candle."""
    with database.engine().connect() as connection:
        return CandleFacts(
            signals=stored_signals.signals_at(connection, bot_id, candle_open),
            absences=stored_signals.absences_at(connection, bot_id, candle_open),
            pairs=stored_pairs.candle_pairs(connection, bot_id, candle_open),
            line=stored_log.logged_line(connection, bot_id, candle_open),
            neighbours=stored_log.neighbour_opens(connection, bot_id, candle_open),
            prices=read_candles(
                connection,
                bot_id,
                source,
                candle_open - _AROUND_BARS * bar,
                candle_open + (_AROUND_BARS + 1) * bar,
            ),
        )


@st.cache_data(ttl=600, max_entries=64, show_spinner="Comparing features …")
def candle_features(
    bot_id: int, name: str, bundle: Path, candle_open: datetime, version: str
) -> CandleFeatures | str:
    """Logged against recomputed features of one candle; a sentence where there are none."""
    with database.engine().connect() as connection:
        logged = read_vector(connection, bot_id, candle_open)
        until = candle_open + timedelta(microseconds=1)
        blocks = list(read_backtest_rows(connection, bot_id, name, candle_open, until))
    if logged is None:
        return "The bot did not log this candle."
    if not blocks:
        return f"{name} has no recomputed features of this candle."
    return compare_candle(load_bundle(bundle).sides, logged, blocks[0].features.iloc[0])


@st.cache_data(ttl=3600, max_entries=32, show_spinner="Recomputing this candle …")
def candle_ladder(
    bot_id: int,
    source: str,
    mode: Mode,
    lookbacks: tuple[int, ...],
    bundle: Path,
    timeframe: str,
    candle_open: datetime,
    version: str,
) -> pd.DataFrame:
    """This candle's signals at a ladder of lookbacks, recomputed here and now."""
    frame = Timeframe.parse(timeframe)
    with database.engine().connect() as connection:
        candles = read_candles(
            connection,
            bot_id,
            source,
            candle_open - (max(lookbacks) + frame.bars_per_day + 1) * frame.length,
            candle_open + frame.length,
        )
    return climb_ladder(
        load_bundle(bundle),
        candles,
        candle_open,
        lookbacks=lookbacks,
        mode=mode,
        timeframe=frame,
        now=candle_open + frame.length,
    )
