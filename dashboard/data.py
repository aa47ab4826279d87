"""Everything that the views read, cached until the collector has stored something new.

Every cached function takes `version` (see `data_version`), which names the
database and its newest change; `ttl` is a backstop only.
"""

import gc
import importlib
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import sqlalchemy as sa
import streamlit as st

from core.alignment.calendar import CollectionOverview, summarise_collection
from core.alignment.candle_features import CandleFeatures, compare_candle
from core.alignment.candle_trials import climb_ladder
from core.alignment.feature_overview import FeatureOverview, spread_sample, summarise_features
from core.alignment.overview import NamedSpan, PairOverview, summarise
from core.alignment.phases import ReplayTotals
from core.bundle.load import load_bundle
from core.candles.agreement import SourceAgreement, agreement_report
from core.errors import StorageError
from core.frames import from_us
from core.settings import BacktestSettings, BotSettings, Settings, config_path, load_settings
from core.side import SIDES
from core.storage import annotations
from core.storage.engine import reader_engine
from core.storage.reads import (
    dashboard_candle,
    dashboard_changes,
    dashboard_collection,
    dashboard_features,
    dashboard_findings,
    dashboard_health,
    dashboard_pairs,
    dashboard_state,
)
from core.storage.reads.alignment import agreement
from core.storage.reads.bots import Comparison
from core.storage.reads.bots import comparisons as read_comparisons
from core.storage.reads.candles import read_candles
from core.storage.reads.dashboard_findings import StoredDiagnosis
from core.storage.reads.feature_log import read_vector
from core.storage.reads.recompute import (
    Coverage,
    read_backtest_rows,
    read_coverage,
    read_sensitivity,
)
from core.storage.reads.signal_accounts import SignalLogAccount, signal_log_accounts
from core.storage.schema_state import SchemaState, schema_state
from core.timeframe import Timeframe
from dashboard import clock
from dashboard.selection import Bounds

MAX_NOTE = annotations.MAX_NOTE
_AROUND_BARS = 36
_WARM_UP_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleFacts:
    """What is stored of one candle; `prices` reach three hours of 5-minute bars each way."""

    signals: tuple[dashboard_candle.SignalAt, ...]
    absences: tuple[dashboard_candle.AbsenceAt, ...]
    pairs: pd.DataFrame
    line: dashboard_candle.LoggedLine | None
    neighbours: tuple[datetime | None, datetime | None]
    prices: pd.DataFrame


def settings() -> Settings:
    """The configuration; read again when its file changes."""
    file = config_path()
    stamp = file.stat().st_mtime_ns if file.is_file() else 0
    return _settings(str(file), stamp)


@st.cache_resource(max_entries=4, show_spinner=False)
def _settings(file: str, stamp_ns: int) -> Settings:
    return load_settings(Path(file))


def engine() -> sa.Engine:
    """The read-only engine; a new one when the database file was replaced."""
    url = settings().database_url
    return _engine(url, _identity(url))


@st.cache_resource(max_entries=4, show_spinner=False)
def _engine(url: str, file_identity: str) -> sa.Engine:
    return reader_engine(url)


def _identity(url: str) -> str:
    """Which file stands behind a SQLite address: device and inode; other databases: nothing."""
    file = database_file(url)
    if file is None or not file.exists():
        return ""
    status = file.stat()
    return f"{status.st_dev}:{status.st_ino}"


def database_file(url: str) -> Path | None:
    """The SQLite file of a database address; None for another kind of database."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def database_problem() -> SchemaState | None:
    """Why the database cannot be read; None when all is well."""
    try:
        with engine().connect() as connection:
            state = schema_state(connection)
    except StorageError:
        return SchemaState.MISSING
    return None if state is SchemaState.CURRENT else state


def data_version() -> str:
    """Names the database and its newest change; asked anew on every drawing."""
    url = settings().database_url
    with engine().connect() as connection:
        return f"{url}|{_identity(url)}|{dashboard_state.data_version(connection)}"


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def bot_states(version: str) -> tuple[dashboard_state.BotState, ...]:
    """Every stored bot with its first and last candle."""
    with engine().connect() as connection:
        return dashboard_state.bot_states(connection)


def last_run_at() -> datetime | None:
    """When the collector last showed a sign of life; never cached."""
    with engine().connect() as connection:
        return dashboard_state.last_run_at(connection)


@st.cache_data(ttl=600, max_entries=32, show_spinner=False)
def comparisons(bot_id: int, version: str) -> tuple[Comparison, ...]:
    """The bot's configured comparisons, in order."""
    with engine().connect() as connection:
        return read_comparisons(connection, bot_id)


@st.cache_data(ttl=600, max_entries=32, show_spinner="Reading pairs …")
def pair_overview(
    comparison_id: int,
    tolerance: float | None,
    stretches: tuple[NamedSpan, ...],
    bounds: Bounds,
    version: str,
) -> PairOverview | None:
    """Everything that the alignment charts show of a window; None without a pair."""
    with engine().connect() as connection:
        pairs = dashboard_pairs.window_pairs(connection, comparison_id, bounds.from_, bounds.until)
    return None if pairs.empty else summarise(pairs, tolerance, stretches)


@st.cache_data(ttl=600, max_entries=32, show_spinner=False)
def worst_pairs(
    bot_id: int,
    comparison_id: int,
    bounds: Bounds,
    sides: tuple[str, ...],
    flips_only: bool,
    unreviewed_only: bool,
    explained: tuple[dashboard_pairs.Explained, ...],
    limit: int,
    version: str,
    notes_version: int,
) -> pd.DataFrame:
    """The worst pairs of a window; see core.storage.reads.dashboard_pairs."""
    with engine().connect() as connection:
        return dashboard_pairs.worst_pairs(
            connection,
            bot_id,
            comparison_id,
            from_=bounds.from_,
            until=bounds.until,
            sides=sides,
            flips_only=flips_only,
            unreviewed_only=unreviewed_only,
            explained=explained,
            limit=limit,
        )


def annotation_version() -> int:
    """Changes with every note that a reader writes; asked anew on every drawing."""
    with engine().connect() as connection:
        return annotations.annotation_version(connection)


def annotation(bot_id: int, candle_open: datetime) -> annotations.Annotation | None:
    """What is noted about a candle; never cached."""
    with engine().connect() as connection:
        return annotations.read_annotation(connection, bot_id, candle_open)


def annotate(bot_id: int, candle_open: datetime, *, is_reviewed: bool, note: str) -> None:
    """Store what the reader noted."""
    annotations.annotate(
        settings().database_url,
        bot_id,
        candle_open,
        is_reviewed=is_reviewed,
        note=note,
        now=clock.now(),
    )


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def matched_ratios(
    bot_id: int, comparison_id: int, name: str, bounds: Bounds, version: str
) -> dict[str, float | None]:
    """Pairs ÷ candles with a signal on either side, by side."""
    with engine().connect() as connection:
        return {
            str(side): agreement(
                connection, bot_id, comparison_id, name, side, bounds.from_, bounds.until
            ).matched_ratio
            for side in SIDES
        }


def collection(
    bot: BotSettings, bot_id: int, bounds: Bounds, version: str
) -> CollectionOverview | None:
    """A window of the feature log summed up, as of the last closed candle; None without rows."""
    return _collection(
        bot_id, bot.timeframe, bot.target_days, bounds, bot.frame.floor(clock.now()), version
    )


@st.cache_data(ttl=600, max_entries=32, show_spinner="Reading the log's calendar …")
def _collection(
    bot_id: int, timeframe: str, target_days: int, bounds: Bounds, now: datetime, version: str
) -> CollectionOverview | None:
    with engine().connect() as connection:
        rows = dashboard_collection.collection_frame(connection, bot_id, bounds.from_, bounds.until)
        quarantined = dashboard_collection.quarantined_opens(connection, bot_id)
    if rows.empty:
        return None
    return summarise_collection(
        rows, quarantined, Timeframe.parse(timeframe), now=now, target_days=target_days
    )


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def ingestion_account(bot_id: int, version: str) -> dict[str, int]:
    """What became of every data line: lines = stored + duplicates + quarantined."""
    with engine().connect() as connection:
        return dashboard_collection.account(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def layouts(bot_id: int, version: str) -> dict[int, dashboard_collection.Layout]:
    """Every layout of the bot's feature log."""
    with engine().connect() as connection:
        return dashboard_collection.layouts(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def quarantine_reasons(bot_id: int, version: str) -> list[tuple[str, int]]:
    """How many lines wait for which reason."""
    with engine().connect() as connection:
        return dashboard_collection.quarantine_reasons(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def quarantined_lines(bot_id: int, reason: str | None, version: str) -> list[dict[str, Any]]:
    """The newest lines in quarantine with their raw text."""
    with engine().connect() as connection:
        return dashboard_collection.quarantined_lines(connection, bot_id, reason=reason)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def files(bot_id: int, version: str) -> list[dict[str, Any]]:
    """Every file that was read, with its account."""
    with engine().connect() as connection:
        return dashboard_collection.files(connection, bot_id)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def candle_counts(comparison_id: int, bounds: Bounds, version: str) -> tuple[int, int]:
    """Candles of a window with a pair, and those of them beyond the tolerance."""
    with engine().connect() as connection:
        return dashboard_pairs.candle_counts(connection, comparison_id, bounds.from_, bounds.until)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def count_flagged(comparison_id: int, since: datetime, version: str) -> int:
    """How many candles have a pair beyond the tolerance since then."""
    with engine().connect() as connection:
        return dashboard_pairs.count_flagged(connection, comparison_id, from_=since)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def newest_diagnoses(bot_id: int, version: str) -> tuple[StoredDiagnosis, ...]:
    """The newest diagnosis of every comparison that has one."""
    with engine().connect() as connection:
        return dashboard_findings.newest_by_comparison(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def diagnoses(bot_id: int, comparison: str, version: str) -> tuple[StoredDiagnosis, ...]:
    """The diagnoses of one comparison, newest first."""
    with engine().connect() as connection:
        return dashboard_findings.diagnoses(connection, bot_id, comparison=comparison)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def trials(diagnosis_id: int, version: str) -> list[dict[str, Any]]:
    """The trials of a diagnosis, in order."""
    with engine().connect() as connection:
        return dashboard_findings.trials(connection, diagnosis_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def failed_steps(
    bot_id: int, since: datetime, version: str
) -> tuple[dashboard_changes.FailedStep, ...]:
    """Steps of the cycle that failed since then."""
    with engine().connect() as connection:
        return dashboard_changes.failed_steps(connection, bot_id, since)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def revised_candles(bot_id: int, since: datetime, version: str) -> int:
    """How many candles changed after they were first stored, as seen since then."""
    with engine().connect() as connection:
        return dashboard_changes.revised_candles(connection, bot_id, since)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def replay_totals(comparison_id: int, version: str) -> ReplayTotals:
    """How many emitted signals the replay reproduces."""
    with engine().connect() as connection:
        return dashboard_pairs.replay_totals(connection, comparison_id)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def candle_facts(
    bot_id: int, candle_open: datetime, bar: timedelta, source: str, version: str
) -> CandleFacts:
    """Everything that is stored of one candle."""
    with engine().connect() as connection:
        return CandleFacts(
            signals=dashboard_candle.signals_at(connection, bot_id, candle_open),
            absences=dashboard_candle.absences_at(connection, bot_id, candle_open),
            pairs=dashboard_pairs.candle_pairs(connection, bot_id, candle_open),
            line=dashboard_candle.logged_line(connection, bot_id, candle_open),
            neighbours=dashboard_candle.neighbour_opens(connection, bot_id, candle_open),
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
    with engine().connect() as connection:
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
    mode: str,
    lookbacks: tuple[int, ...],
    bundle: Path,
    timeframe: str,
    candle_open: datetime,
    version: str,
) -> pd.DataFrame:
    """This candle's signals at a ladder of lookbacks, recomputed here and now."""
    frame = Timeframe.parse(timeframe)
    with engine().connect() as connection:
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


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def covering_diagnosis(
    bot_id: int, comparison: str, candle_open: datetime, version: str
) -> StoredDiagnosis | None:
    """The newest diagnosis whose window holds this candle."""
    with engine().connect() as connection:
        return dashboard_findings.covering(connection, bot_id, comparison, candle_open)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def signals_around(
    bot_id: int, comparison_id: int, candle_open: datetime, bar: timedelta, version: str
) -> pd.DataFrame:
    """Pairs of one comparison around a candle; columns as day_block.unpack_pairs gives them."""
    with engine().connect() as connection:
        return dashboard_pairs.window_pairs(
            connection,
            comparison_id,
            candle_open - _AROUND_BARS * bar,
            candle_open + (_AROUND_BARS + 1) * bar,
        )


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def sensitivity(bot_id: int, name: str, version: str) -> dict[str, Any] | None:
    """What the collector measured of a backtest's lookback; None where it did not."""
    with engine().connect() as connection:
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
    with engine().connect() as connection:
        opens = dashboard_features.opens_in(connection, bot_id, bounds.from_, bounds.until)
        if not len(opens):
            return None
        sample = spread_sample(opens)
        span = from_us(int(opens[-1])) - from_us(int(opens[0]))
        before = dashboard_features.opens_in(
            connection, bot_id, from_us(int(opens[0])) - span, from_us(int(opens[0]))
        )
        logged = dashboard_features.logged_vectors(
            connection, bot_id, sample, not_features=not_features
        )
        reference = dashboard_features.logged_vectors(
            connection, bot_id, spread_sample(before), not_features=not_features
        )
        recomputed = (
            dashboard_features.backtest_vectors(connection, bot_id, name, sample)
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


def coverages(
    bot: BotSettings, bot_id: int, version: str
) -> list[tuple[BacktestSettings, Coverage]]:
    """How far each recomputed backtest has come, in the order of the configuration."""
    known = _coverages(bot_id, tuple(one.name for one in bot.backtests), version)
    return [(one, known[one.name]) for one in bot.backtests if one.name in known]


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def _coverages(bot_id: int, names: tuple[str, ...], version: str) -> dict[str, Coverage]:
    with engine().connect() as connection:
        found = {name: read_coverage(connection, bot_id, name) for name in names}
    return {name: coverage for name, coverage in found.items() if coverage is not None}


def signal_logs(bot: BotSettings, bot_id: int, version: str) -> tuple[SignalLogAccount, ...]:
    """What became of each signal log, in the order of the configuration."""
    return _signal_logs(bot_id, tuple(log.name for log in bot.signal_log), version)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def _signal_logs(bot_id: int, logs: tuple[str, ...], version: str) -> tuple[SignalLogAccount, ...]:
    with engine().connect() as connection:
        return signal_log_accounts(connection, bot_id, logs)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def newest_by_step(bot_id: int, version: str) -> tuple[dashboard_health.StoredRun, ...]:
    """The newest run of every step."""
    with engine().connect() as connection:
        return dashboard_health.newest_by_step(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def failed_runs(bot_id: int, version: str) -> tuple[dashboard_health.StoredRun, ...]:
    """The newest failed runs, with tracebacks."""
    with engine().connect() as connection:
        return dashboard_health.latest_runs(
            connection, bot_id=bot_id, outcomes=("failed", "interrupted"), limit=10
        )


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def latest_runs(bot_id: int, version: str) -> tuple[dashboard_health.StoredRun, ...]:
    """The newest runs of every kind, idle ones too."""
    with engine().connect() as connection:
        return dashboard_health.latest_runs(connection, bot_id=bot_id)


@st.cache_data(ttl=600, max_entries=8, show_spinner="Comparing candle sources …")
def source_agreements(bot: str, bot_id: int, bounds: Bounds, version: str) -> list[SourceAgreement]:
    """How candle sources agree in a window."""
    with engine().connect() as connection:
        return agreement_report(connection, bot_id, settings().bot(bot), bounds.from_, bounds.until)


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def database_size(version: str) -> int | None:
    """Bytes that the database takes."""
    with engine().connect() as connection:
        return dashboard_health.database_size(connection)


@st.cache_resource(ttl=3600, max_entries=256, show_spinner=False)
def figure(of: tuple[Hashable, ...], _build: Callable[[], go.Figure]) -> go.Figure:
    """A built figure, shared by all readers; nobody changes it after."""
    return _build()


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import the model library beside the first page, so that no page waits for it later."""
    thread = threading.Thread(target=_import_models, name="warm-up", daemon=True)
    thread.start()
    return thread


def _import_models() -> None:
    time.sleep(_WARM_UP_PAUSE_S)  # the first page comes first
    for name in ("xgboost", "scipy.stats"):
        importlib.import_module(name)
    # Streamlit collects garbage after every drawing: 0.15 s through all that is imported,
    # hardly anything once what stays for good is set aside.
    gc.collect()
    gc.freeze()
