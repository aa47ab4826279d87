"""The view Candle: known causes, and what removes the difference on this candle."""

from collections.abc import Sequence

import streamlit as st

from core.diagnosis.candle_trials import Trial, candle_trials
from core.diagnosis.reads import StoredFinding
from dashboard import links
from dashboard.data import finding_reads, pair_reads
from dashboard.format import moment, probability, with_times
from dashboard.markup import Badge, Cell, Column, Link, draw_line, draw_table, draw_text
from dashboard.sections.candle_screen import CandleScreen
from dashboard.sentences import trial_sentence
from dashboard.wording import cause_word, verdict_badge


def why(candle: CandleScreen) -> None:
    """The causes known for this candle, and which change removes the difference."""
    st.subheader("Why it differs", anchor=False)
    diagnosis = finding_reads.covering_diagnosis(
        candle.screen.state.bot_id,
        candle.comparison.name,
        candle.candle_open,
        candle.screen.version,
    )
    if diagnosis is not None:
        _causes(
            [
                finding
                for finding in diagnosis.open_findings
                if finding.speaks_of(candle.candle_open)
            ],
            candle.screen.zone,
            "This candle's window was diagnosed, and no cause found that speaks of it.",
        )
    else:
        _causes_elsewhere(candle)
    trials = trials_of(candle)
    if trials and trials[0].removes_all:
        draw_line(Badge("good", "Removes it"), trial_sentence(trials[0]))
    if trials:
        _trials_table(candle, trials)


def _causes(findings: Sequence[StoredFinding], zone: str, otherwise: str) -> None:
    for finding in findings:
        draw_line(verdict_badge(finding.verdict), cause_word(finding.cause))
        draw_text(with_times(finding.document["summary"], zone))
    if not findings:
        draw_text(otherwise)


def _causes_elsewhere(candle: CandleScreen) -> None:
    """What the newest diagnosis of this comparison found on another window."""
    screen = candle.screen
    stored = finding_reads.diagnoses(screen.state.bot_id, candle.comparison.name, screen.version)
    if not stored:
        draw_text("No window of this comparison has been diagnosed yet.")
        return
    newest = stored[0]
    draw_text(
        f"This candle's own window was not diagnosed. From "
        f"{moment(newest.from_open, screen.zone)} to {moment(newest.until_open, screen.zone)}:"
    )
    _causes(newest.open_findings, screen.zone, "no cause was found.")


def trials_of(candle: CandleScreen) -> tuple[Trial, ...]:
    """Every other backtest of this candle against the chosen one."""
    stored = pair_reads.comparisons(candle.screen.state.bot_id, candle.screen.version)
    names = {comparison.id: comparison.name for comparison in stored}
    return candle_trials(
        candle.comparison.name,
        {comparison.name: comparison.spec for comparison in stored},
        candle.facts.pairs.assign(comparison=candle.facts.pairs["comparison_id"].map(names)),
    )


def _trials_table(candle: CandleScreen, trials: tuple[Trial, ...]) -> None:
    selection = candle.screen.selection
    opened = links.open_param(candle.candle_open)
    rows: list[list[Cell]] = [
        [
            Link(
                trial.comparison,
                links.href(
                    "candle", {**selection.params(open=opened), "comparison": trial.comparison}
                ),
            ),
            _changes(trial),
            probability(trial.before, 6),
            probability(trial.after, 6),
            _outcome(trial),
        ]
        for trial in trials
    ]
    columns = [
        Column("With", "nowrap"),
        Column("What is changed", "wrapany"),
        Column("Difference before", "num"),
        Column("Difference left", "num"),
        Column("Outcome"),
    ]
    draw_table(columns, rows, caption="What removes the difference on this candle")
    st.caption(
        "The larger difference of LONG and SHORT. One candle is a hint; a proof takes candles "
        "that were not used to find the cause."
    )


def _outcome(trial: Trial) -> Badge:
    if trial.removes_all:
        return Badge("good", "Removes it")
    if trial.after < trial.before:
        return Badge("note", "Smaller")
    return Badge("unknown", "No help")


def _changes(trial: Trial) -> str:
    if "signals" in trial.changes:
        return f"signals imported from {_value(trial.changes['signals'][1])}"
    words = {"lookback_bars": "lookback"}
    return "; ".join(
        f"{words.get(key, key)}: {_value(before)} → {_value(after)}"
        for key, (before, after) in trial.changes.items()
    )


def _value(value: object) -> str:
    return "none" if value is None else str(value).rsplit("/", 1)[-1]
