"""The view Candle: signals and decisions of every origin, in a table and around the candle."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from core.market import SIDES, Origin, Side
from core.rule import RULE_CONSTANTS, Decision, decide
from core.signals.reads import SignalAt
from dashboard import states
from dashboard.charts import candle as charts
from dashboard.data import pair_reads
from dashboard.draw import draw_chart
from dashboard.format import moment, probability, short
from dashboard.markup import Cell, Column, draw_table
from dashboard.sections.candle_screen import CandleScreen
from dashboard.wording import ORIGINS, other_word, production_word

_DECISIONS = {
    Decision.UNKNOWN: "not known",
    Decision.NONE: "no entry",
    Decision.LONG: "enter LONG",
    Decision.SHORT: "enter SHORT",
}


def signals_table(candle: CandleScreen) -> None:
    """Every signal of the candle with thresholds, and what each origin would have decided."""
    st.subheader("Signals and decisions", anchor=False)
    grouped: dict[tuple[Origin, str], dict[Side, SignalAt]] = {}
    for signal in candle.facts.signals:
        grouped.setdefault((signal.origin, signal.comparison), {})[signal.side] = signal
    rows: list[list[Cell]] = [
        [
            ORIGINS[origin] + (f": {name}" if name else ""),
            *(_signal_cell(signals.get(side), side, candle.rule) for side in SIDES),
            _decision(signals, candle.rule),
            *_provenance(signals, candle.screen.zone),
        ]
        for (origin, name), signals in grouped.items()
    ]
    rows += [
        [
            ORIGINS[absence.origin] + (f": {absence.comparison}" if absence.comparison else ""),
            "–",
            "–",
            "not known",
            f"{absence.side + ' ' if absence.side else ''}{absence.reason}: {absence.detail}",
            "",
        ]
        for absence in candle.facts.absences
    ]
    columns = [
        Column("Origin", "nowrap"),
        Column(f"LONG (threshold {short(candle.rule['long_threshold'])})", "num"),
        Column(f"SHORT (threshold {short(candle.rule['short_threshold'])})", "num"),
        Column("Decision, flat position"),
        Column("Bundle", "wrapany"),
        Column("Written by", "nowrap"),
    ]
    draw_table(columns, rows, caption="Signals of this candle by origin")
    st.caption(
        "▲ at or above its threshold. Decisions follow the rule live at this candle, gate "
        f"{short(candle.rule['gate'])} included."
    )


def _signal_cell(signal: SignalAt | None, side: Side, rule: Mapping[str, float]) -> str:
    if signal is None:
        return "–"
    mark = "▲ " if signal.probability >= rule[f"{side.lower()}_threshold"] else ""
    return mark + probability(signal.probability, 6)


def _decision(signals: Mapping[Side, SignalAt], rule: Mapping[str, float]) -> str:
    p_long, p_short = (
        [signals[side].probability if side in signals else float("nan")] for side in SIDES
    )
    decided = decide(p_long, p_short, **{name: rule[name] for name in RULE_CONSTANTS})
    return _DECISIONS[Decision(int(decided[0]))]


def _provenance(signals: Mapping[Side, SignalAt], zone: str) -> tuple[str, str]:
    signal = next(iter(signals.values()))
    bundle = f"{signal.bundle_name} · {signal.bundle_hash[:12]}" if signal.bundle_hash else "–"
    run = f"run {signal.run_id}, {moment(signal.run_at, zone)}" if signal.run_id else "–"
    return bundle, run


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
    around = pair_reads.signals_around(
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
