"""Parts of the view Health."""

import platform
from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from core.collection.freshness import FreshnessState
from core.market import OHLCV
from core.storage.run_history import StoredRun
from core.storage.runs import Outcome
from dashboard import clock, states
from dashboard.access import may_see_code
from dashboard.data import database, health_reads
from dashboard.format import ago, count, duration, moment, percent, plural, price, size
from dashboard.freshness_bar import current_freshness
from dashboard.markup import (
    Badge,
    Cell,
    Column,
    draw_line,
    draw_status,
    draw_table,
    draw_text,
)
from dashboard.shell import Screen
from dashboard.wording import step_word

_OUTCOMES = {
    Outcome.DONE: Badge("good", "Done"),
    Outcome.FAILED: Badge("bad", "Failed"),
    Outcome.RUNNING: Badge("note", "Running"),
    Outcome.INTERRUPTED: Badge("warn", "Interrupted"),
}
_PACKAGES = ("streamlit", "plotly", "pandas", "numpy", "SQLAlchemy", "xgboost-cpu", "numba")


def alive(screen: Screen, steps: tuple[StoredRun, ...]) -> None:
    """Whether the collector is alive, from what it stored."""
    freshness = current_freshness(screen.bot, screen.version)
    failed = [step for step in steps if step.outcome is Outcome.FAILED]
    ran = f"It last stored a run {ago(freshness.last_run, clock.now())}"
    if freshness.state is FreshnessState.COLLECTOR_STOPPED:
        badge = Badge("stale", "The collector has stopped")
        sentence = f"{ran}; nothing has come since. Start it: python -m collector run"
    elif failed:
        badge = Badge("bad", "Alive, with failures")
        sentence = f"{ran}; the last run of {plural(len(failed), 'step')} failed."
    else:
        badge = Badge("good", "The collector is alive")
        sentence = f"{ran}; the last run of each of its {len(steps)} steps was fine."
    draw_status(badge, sentence)


def step_table(screen: Screen, steps: tuple[StoredRun, ...]) -> None:
    """The newest run of every step."""
    st.subheader("Steps of the cycle", anchor=False)
    rows: list[list[Cell]] = [
        [
            step_word(step.step),
            _OUTCOMES[step.outcome],
            moment(step.started_at, screen.zone, seconds=True),
            duration(step.duration_s),
            step.error or _account(step),
        ]
        for step in steps
    ]
    columns = [
        Column("Step"),
        Column("Outcome"),
        Column("Last began", "nowrap"),
        Column("Took", "num"),
        Column("Account", "wrapany"),
    ]
    draw_table(columns, rows, caption="Newest run of each step")


def coverage_table(screen: Screen) -> None:
    """Queue and budget of recomputation."""
    st.subheader("Recomputation: queue and budget", anchor=False)
    coverages = health_reads.coverages(screen.bot, screen.state.bot_id, screen.version)
    if not coverages:
        states.not_available(
            "No backtest is recomputed here.", "Add [[bots.backtests]] with a pipeline."
        )
        return
    rows: list[list[Cell]] = [
        [
            backtest.name,
            percent(coverage.covered_ratio),
            count(coverage.covered),
            count(coverage.pending),
            count(sum(coverage.absent.values())),
            count(coverage.provisional),
            duration(backtest.budget_s),
            Badge("warn", "Sample") if coverage.is_sample else Badge("good", "Complete"),
        ]
        for backtest, coverage in coverages
    ]
    columns = [
        Column("Backtest"),
        Column("Covered", "num"),
        Column("Rows", "num"),
        Column("In the queue", "num"),
        Column("No row possible", "num"),
        Column("Provisional", "num"),
        Column("Budget a cycle", "num"),
        Column("Statistics are"),
    ]
    draw_table(columns, rows, caption="How far recomputation has come")


def errors(screen: Screen) -> None:
    """Failed runs with their tracebacks."""
    st.subheader("Errors", anchor=False)
    failed = health_reads.failed_runs(screen.state.bot_id, screen.version)
    if not failed:
        states.nothing_flagged("No stored run of this bot has failed.")
        return
    shows_code = may_see_code(database.settings().dashboard)
    for run in failed[:10]:
        draw_line(Badge("bad", step_word(run.step)), moment(run.started_at, screen.zone))
        draw_text(run.error or "No message was stored.")
        if run.traceback and shows_code:
            with st.expander("Traceback", icon=":material/bug_report:", key=f"trace-{run.id}"):
                st.code(run.traceback, language=None, height=260)


def sources(screen: Screen) -> None:
    """Candle sources side by side, and how they agree."""
    st.subheader("Candle sources", anchor=False)
    agreements = health_reads.source_agreements(
        screen.bot.name, screen.state.bot_id, screen.recent_bounds, screen.version
    )
    if not agreements:
        states.not_available(
            "There are no two sources of candles to compare in this window.",
            "Name a second one under [[bots.candles]].",
        )
        return
    rows: list[list[Cell]] = [
        [
            f"{agreement.left} and {agreement.right}",
            count(agreement.common),
            count(agreement.only_left),
            count(agreement.only_right),
            *(percent(agreement.equal_ratio[name], 2) for name in OHLCV),
            price(agreement.largest_diff["close"]),
            percent(agreement.median_volume_ratio, 2),
        ]
        for agreement in agreements
    ]
    columns = [
        Column("Sources", "nowrap"),
        Column("Both", "num"),
        Column("First only", "num"),
        Column("Second only", "num"),
        *(Column(name.capitalize(), "num") for name in OHLCV),
        Column("Largest, close", "num"),
        Column("Volume ratio", "num"),
    ]
    draw_table(columns, rows, caption="How candle sources agree")
    st.caption(
        "Candles of both sources, or of one only, in at most the last seven days of the window. "
        "Open to volume: how many of both have the same value. Largest: the largest difference "
        "of the close. Volume ratio: the median, first ÷ second."
    )


def recent_runs(screen: Screen) -> None:
    rows: list[list[Cell]] = [
        [
            count(run.id),
            step_word(run.step),
            _OUTCOMES[run.outcome],
            moment(run.started_at, screen.zone, seconds=True),
            duration(run.duration_s),
        ]
        for run in health_reads.latest_runs(screen.state.bot_id, screen.version)
    ]
    columns = [
        Column("Run", "num"),
        Column("Step"),
        Column("Outcome"),
        Column("Began", "nowrap"),
        Column("Took", "num"),
    ]
    draw_table(columns, rows, caption="Newest runs of this bot")


def database_and_versions(screen: Screen) -> None:
    st.subheader("Database and versions", anchor=False)
    rows: list[list[Cell]] = [
        ["Database size", size(health_reads.database_size(screen.version))],
        ["Python", platform.python_version()],
    ]
    rows += [[name, _version(name)] for name in _PACKAGES]
    draw_table([Column("What"), Column("Value", "num")], rows, caption="Database and versions")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _account(run: StoredRun) -> str:
    """The counts of a run's details, without what nests and what is nothing."""
    counts = ", ".join(
        f"{name.replace('_', ' ')} {value:,}"
        for name, value in run.details.items()
        if isinstance(value, int) and not isinstance(value, bool) and value
    )
    return counts or "nothing new"
