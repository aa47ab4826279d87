"""Parts of the view Candle: from the difference down to the raw line."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from core.alignment.candle_trials import Trial, candle_trials
from core.bundle.deployments import live_bundle_at, rule_at
from core.rule import Decision, decide
from core.storage.reads.bots import Comparison
from core.storage.reads.candles import default_source
from core.storage.reads.dashboard_candle import SignalAt
from core.storage.reads.dashboard_findings import StoredDiagnosis
from dashboard import data, links, states
from dashboard.charts import candle as charts
from dashboard.draw import draw_chart
from dashboard.format import moment, probability
from dashboard.markup import (
    Badge,
    Cell,
    Column,
    Link,
    draw_line,
    draw_links,
    draw_status,
    draw_table,
    draw_text,
)
from dashboard.sentences import candle_badge, candle_sentence, trial_sentence
from dashboard.shell import Screen
from dashboard.wording import ORIGINS, cause_word, other_word, production_word, verdict_badge

_SIDES = ("LONG", "SHORT")
_RULE = ("long_threshold", "short_threshold", "long_avg_return", "short_avg_return", "gate")
_DECISIONS = {
    Decision.UNKNOWN: "not known",
    Decision.NONE: "no entry",
    Decision.LONG: "enter LONG",
    Decision.SHORT: "enter SHORT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleScreen:
    """One candle and what is stored of it."""

    screen: Screen
    comparison: Comparison
    candle_open: datetime
    facts: data.CandleFacts
    rule: Mapping[str, float]
    bundle: Path | None

    @property
    def pairs(self) -> pd.DataFrame:
        """The candle's pairs of the chosen comparison, by side."""
        own = self.facts.pairs[self.facts.pairs["comparison_id"] == self.comparison.id]
        return own.set_index("side")

    @property
    def mark(self) -> tuple[Hashable, ...]:
        """Names everything that the candle's charts depend on."""
        return (*self.screen.mark, self.candle_open)

    @property
    def spec(self) -> Mapping[str, object]:
        return self.comparison.spec


def candle_screen(screen: Screen, comparison: Comparison, candle_open: datetime) -> CandleScreen:
    """Read what is stored of one candle."""
    source = candle_source(screen, comparison)
    rules = rule_at(screen.bot, pd.DatetimeIndex([candle_open]))
    return CandleScreen(
        screen=screen,
        comparison=comparison,
        candle_open=candle_open,
        facts=data.candle_facts(
            screen.state.bot_id, candle_open, screen.bot.frame.length, source, screen.version
        ),
        rule={name: float(rules[name].iloc[0]) for name in _RULE},
        bundle=live_bundle_at(screen.bot, candle_open),
    )


def candle_source(screen: Screen, comparison: Comparison) -> str:
    """The candles that the comparison was made with."""
    named = tuple(source.name for source in screen.bot.candles)
    wanted = comparison.spec.get("candles")
    return default_source(wanted if isinstance(wanted, str) else None, named)


def status(candle: CandleScreen) -> None:
    """Which candle, how far it is off, and its neighbours."""
    screen = candle.screen
    draw_status(
        candle_badge(candle.pairs),
        candle_sentence(candle.pairs, candle.comparison.name),
        detail=(
            f"Candle open {moment(candle.candle_open, 'UTC')}"
            + (f" = {moment(candle.candle_open, screen.zone)}" if screen.zone != "UTC" else "")
            + f" · {candle.comparison.name}"
        ),
    )
    _steps(candle)


def why(candle: CandleScreen) -> None:
    """The causes known for this candle, and which change removes the difference."""
    st.subheader("Why it differs", anchor=False)
    found = data.covering_diagnosis(
        candle.screen.state.bot_id,
        candle.comparison.name,
        candle.candle_open,
        candle.screen.version,
    )
    if found is not None:
        _causes(found, "This candle's window was diagnosed and no cause found.")
    else:
        _causes_elsewhere(candle)
    trials = trials_of(candle)
    if trials and trials[0].removes_all:
        draw_line(Badge("good", "Removes it"), trial_sentence(trials[0]))
    if trials:
        _trials_table(candle, trials)


def _causes(found: StoredDiagnosis, otherwise: str) -> None:
    for finding in found.open_findings:
        draw_line(verdict_badge(finding.verdict), cause_word(finding.cause))
        draw_text(finding.document["summary"])
    if not found.open_findings:
        draw_text(otherwise)


def _causes_elsewhere(candle: CandleScreen) -> None:
    """What the newest diagnosis of this comparison found on another window."""
    screen = candle.screen
    stored = data.diagnoses(screen.state.bot_id, candle.comparison.name, screen.version)
    if not stored:
        draw_text("No window of this comparison has been diagnosed yet.")
        return
    newest = stored[0]
    draw_text(
        f"This candle's own window was not diagnosed. From "
        f"{moment(newest.from_open, screen.zone)} to {moment(newest.until_open, screen.zone)}:"
    )
    _causes(newest, "no cause was found.")


def trials_of(candle: CandleScreen) -> tuple[Trial, ...]:
    """Every other backtest of this candle against the chosen one."""
    stored = data.comparisons(candle.screen.state.bot_id, candle.screen.version)
    names = {one.id: one.name for one in stored}
    return candle_trials(
        candle.comparison.name,
        {one.name: one.spec for one in stored},
        candle.facts.pairs.assign(comparison=candle.facts.pairs["comparison_id"].map(names)),
    )


def signals_table(candle: CandleScreen) -> None:
    """Every signal of the candle with thresholds, and what each origin would have decided."""
    st.subheader("Signals and decisions", anchor=False)
    grouped: dict[tuple[str, str], dict[str, SignalAt]] = {}
    for one in candle.facts.signals:
        grouped.setdefault((one.origin, one.comparison), {})[one.side] = one
    rows: list[list[Cell]] = [
        [
            ORIGINS[origin] + (f": {name}" if name else ""),
            *(_signal_cell(found.get(side), side, candle.rule) for side in _SIDES),
            _decision(found, candle.rule),
            *_provenance(found, candle.screen.zone),
        ]
        for (origin, name), found in grouped.items()
    ]
    rows += [
        [
            ORIGINS[one.origin] + (f": {one.comparison}" if one.comparison else ""),
            "–",
            "–",
            "not known",
            f"{one.side + ' ' if one.side else ''}{one.reason}: {one.detail}",
            "",
        ]
        for one in candle.facts.absences
    ]
    columns = [
        Column("Origin", "nowrap"),
        Column(f"LONG (threshold {candle.rule['long_threshold']:g})", "num"),
        Column(f"SHORT (threshold {candle.rule['short_threshold']:g})", "num"),
        Column("Decision, flat position"),
        Column("Bundle", "wrapany"),
        Column("Written by", "nowrap"),
    ]
    draw_table(columns, rows, caption="Signals of this candle by origin")
    st.caption(
        "▲ at or above its threshold. Decisions follow the rule live at this candle, gate "
        f"{candle.rule['gate']:g} included."
    )


def pictures(candle: CandleScreen) -> None:
    """Price and both sides' signals around the candle."""
    screen = candle.screen
    if candle.facts.prices.empty:
        states.not_available(
            "There are no candles around this one.",
            "Name files or an exchange under [[bots.candles]].",
        )
    else:
        draw_chart(
            partial(
                charts.price_figure,
                candle.facts.prices,
                marked=candle.candle_open,
                zone=screen.zone,
            ),
            of=candle.mark,
            key="price",
            alt=f"Price around {moment(candle.candle_open, screen.zone)}",
        )
    around = data.signals_around(
        screen.state.bot_id,
        candle.comparison.id,
        candle.candle_open,
        screen.bot.frame.length,
        screen.version,
    )
    for column, side in zip(
        st.columns(len(screen.selection.sides)), screen.selection.sides, strict=True
    ):
        figure = partial(
            charts.signals_figure,
            around,
            side=side,
            marked=candle.candle_open,
            threshold=candle.rule[f"{side.lower()}_threshold"],
            production=production_word(candle.comparison.name),
            backtest=other_word(candle.comparison.name),
            zone=screen.zone,
        )
        with column:
            draw_chart(
                figure,
                of=candle.mark,
                key=f"signals-{side}",
                alt=f"{side} signals around the candle",
            )


def raw_line(candle: CandleScreen) -> None:
    """The line that the candle's row was read from."""
    st.subheader("Raw log line", anchor=False)
    line = candle.facts.line
    if line is None:
        states.not_available("The bot did not log this candle.", "It is one of the gaps.")
        return
    recovered = " · recovered: its file's header does not describe it" if line.is_recovered else ""
    draw_text(
        f"{line.path}, line {line.line} · logged at "
        f"{moment(line.logged_at, candle.screen.zone, seconds=True)}{recovered}"
    )
    if line.text is None:
        st.caption(f"The text cannot be shown: {line.problem}.")
    else:
        st.code(line.text, language=None, wrap_lines=True, height=140)


def _steps(candle: CandleScreen) -> None:
    before, after = candle.facts.neighbours
    selection = candle.screen.selection
    found = [
        Link(
            words,
            links.href("candle", selection.params(open=links.open_param(opened))),
        )
        for words, opened in (("← Candle before", before), ("Candle after →", after))
        if opened is not None
    ]
    found.append(Link("All worst candles", links.href("worst", selection.params())))
    draw_links(*found)


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


def _signal_cell(found: SignalAt | None, side: str, rule: Mapping[str, float]) -> str:
    if found is None:
        return "–"
    mark = "▲ " if found.probability >= rule[f"{side.lower()}_threshold"] else ""
    return mark + probability(found.probability, 6)


def _decision(found: Mapping[str, SignalAt], rule: Mapping[str, float]) -> str:
    values = {side: found[side].probability if side in found else float("nan") for side in _SIDES}
    decided = decide([values["LONG"]], [values["SHORT"]], **{name: rule[name] for name in _RULE})
    return _DECISIONS[Decision(int(decided[0]))]


def _provenance(found: Mapping[str, SignalAt], zone: str) -> tuple[str, str]:
    one = next(iter(found.values()))
    bundle = f"{one.bundle_name} · {one.bundle_hash[:12]}" if one.bundle_hash else "–"
    run = f"run {one.run_id}, {moment(one.run_at, zone)}" if one.run_id else "–"
    return bundle, run
