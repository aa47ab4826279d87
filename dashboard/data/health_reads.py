"""The collector's runs, queues and sources, cached."""

from datetime import datetime

import streamlit as st

from core.candles.source_agreement import SourceAgreement, agreement_report
from core.recompute.reads import WholeCoverage, read_coverage
from core.settings import BacktestSettings, BotSettings
from core.signal_log.reads import SignalLogAccount, signal_log_accounts
from core.storage import run_history
from core.storage.runs import Outcome
from dashboard.data import database
from dashboard.selection import Bounds


def coverages(
    bot: BotSettings, bot_id: int, version: str
) -> list[tuple[BacktestSettings, WholeCoverage]]:
    """How far each recomputed backtest has come, in the order of the configuration."""
    known = _coverages(bot_id, tuple(backtest.name for backtest in bot.backtests), version)
    return [
        (backtest, known[backtest.name]) for backtest in bot.backtests if backtest.name in known
    ]


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def _coverages(bot_id: int, names: tuple[str, ...], version: str) -> dict[str, WholeCoverage]:
    with database.engine().connect() as connection:
        coverages = {name: read_coverage(connection, bot_id, name) for name in names}
    return {name: coverage for name, coverage in coverages.items() if coverage is not None}


def signal_logs(bot: BotSettings, bot_id: int, version: str) -> tuple[SignalLogAccount, ...]:
    """What became of each signal log, in the order of the configuration."""
    return _signal_logs(bot_id, tuple(log.name for log in bot.signal_log), version)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def _signal_logs(bot_id: int, logs: tuple[str, ...], version: str) -> tuple[SignalLogAccount, ...]:
    with database.engine().connect() as connection:
        return signal_log_accounts(connection, bot_id, logs)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def failed_steps(bot_id: int, since: datetime, version: str) -> tuple[run_history.FailedStep, ...]:
    """Steps of the cycle that failed since then."""
    with database.engine().connect() as connection:
        return run_history.failed_steps(connection, bot_id, since)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def newest_by_step(bot_id: int, version: str) -> tuple[run_history.StoredRun, ...]:
    """The newest run of every step."""
    with database.engine().connect() as connection:
        return run_history.newest_by_step(connection, bot_id)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def failed_runs(bot_id: int, version: str) -> tuple[run_history.StoredRun, ...]:
    """The newest failed runs, with tracebacks."""
    with database.engine().connect() as connection:
        return run_history.latest_runs(
            connection, bot_id=bot_id, outcomes=(Outcome.FAILED, Outcome.INTERRUPTED), limit=10
        )


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def latest_runs(bot_id: int, version: str) -> tuple[run_history.StoredRun, ...]:
    """The newest runs of every kind, idle ones too."""
    with database.engine().connect() as connection:
        return run_history.latest_runs(connection, bot_id=bot_id)


@st.cache_data(ttl=600, max_entries=8, show_spinner="Comparing candle sources …")
def source_agreements(bot: str, bot_id: int, bounds: Bounds, version: str) -> list[SourceAgreement]:
    """How candle sources agree in a window."""
    with database.engine().connect() as connection:
        return agreement_report(
            connection, bot_id, database.settings().bot(bot), bounds.from_, bounds.until
        )


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def database_size(version: str) -> int | None:
    """Bytes that the database takes."""
    with database.engine().connect() as connection:
        return run_history.database_size(connection)
