"""Parts of the view Candle: what its features add, and what other lookbacks would give."""

from functools import partial

import streamlit as st

from core.diagnosis.candle_trials import can_climb, curve_lookbacks
from core.features.attribute import CandleFeatures
from core.market import REPLAY, SIDES
from core.settings import Mode
from dashboard import states
from dashboard.charts import candle as charts
from dashboard.data import candle_reads
from dashboard.draw import draw_chart
from dashboard.format import count, number, plain, plural, signed
from dashboard.markup import Cell, Column, draw_table, draw_text
from dashboard.sections.candle_screen import CandleScreen, candle_source

_LISTED = 20


def features(candle: CandleScreen) -> None:
    """Logged against recomputed features, ranked by what they add to the difference."""
    st.subheader("Features: logged against recomputed", anchor=False)
    if candle.comparison.name == REPLAY:
        states.not_available(
            "A replay runs on the logged features themselves.",
            "Choose a backtest as comparison to compare features.",
        )
        return
    if candle.bundle is None:
        states.not_available(
            "Which model was live at this candle is not known.",
            "Say so under [[bots.deployments]].",
        )
        return
    differences = candle_reads.candle_features(
        candle.screen.state.bot_id,
        candle.comparison.name,
        candle.bundle,
        candle.candle_open,
        candle.screen.version,
    )
    if isinstance(differences, str):
        states.not_available(differences, "The collector recomputes flagged candles first.")
        return
    _feature_parts(candle, differences)


def ladder(candle: CandleScreen) -> None:
    """The lookback curve of this candle, recomputed when it is asked for."""
    st.subheader("Lookback curve of this candle", anchor=False)
    if candle.bundle is None or not can_climb(candle.spec):
        states.not_available(
            "The curve is recomputed here only with the pipeline “reference”.",
            "Your own feature code runs in the collector alone; configure further backtests "
            "with other lookback_bars, and they appear above as trials.",
        )
        return
    if not st.toggle("Recompute this candle at a ladder of lookbacks", key="ladder"):
        return
    own = candle.spec.get("lookback_bars")
    own_bars = own if isinstance(own, int) else None
    rungs = candle_reads.candle_ladder(
        candle.screen.state.bot_id,
        candle_source(candle.screen, candle.comparison),
        Mode(str(candle.spec.get("mode", Mode.WINDOW))),
        curve_lookbacks(own_bars),
        candle.bundle,
        candle.screen.bot.timeframe,
        candle.candle_open,
        candle.screen.version,
    )
    for column, side in zip(st.columns(2), SIDES, strict=True):
        production = candle.pairs["production"].get(side)
        figure = partial(
            charts.ladder_figure, rungs, side=side, production=production, own_bars=own_bars
        )
        with column:
            draw_chart(
                figure, of=candle.mark, key=f"ladder-{side}", alt=f"{side} signal by lookback"
            )


def _feature_parts(candle: CandleScreen, differences: CandleFeatures) -> None:
    sides = [side for side in candle.screen.selection.sides if side in differences.sides]
    for side in sides:
        carriers = differences.sides[side].carriers
        if carriers:
            draw_text(
                f"{side}: {len(carriers)} of {differences.table[f'effect_{side}'].notna().sum()} "
                f"features {'carries' if len(carriers) == 1 else 'carry'} 95 % of the "
                f"difference: {', '.join(carriers[:8])}" + (" …" if len(carriers) > 8 else "")
            )
    if differences.missing:
        draw_text("Missing on one side: " + ", ".join(differences.missing[:20]))
    escaped = differences.table.assign(feature=differences.table["feature"].map(plain))
    for column, side in zip(st.columns(max(len(sides), 1)), sides, strict=False):
        with column:
            draw_chart(
                partial(charts.effects_figure, escaped, side=side),
                of=candle.mark,
                key=f"effects-{side}",
                alt=f"{side}: features by what they add to the difference",
            )
    differing = differences.table[~differences.table["is_equal"]]
    rows: list[list[Cell]] = [
        [
            str(row["feature"]),
            number(row["logged"], 7),
            number(row["recomputed"], 7),
            signed(row["scaled"], 3),
            *(signed(row.get(f"effect_{side}")) for side in SIDES),
        ]
        for row in differing.head(_LISTED).to_dict("records")
    ]
    columns = [
        Column("Feature", "wrapany"),
        Column("Logged", "num"),
        Column("Recomputed", "num"),
        Column("Difference (scaler units)", "num"),
        Column("Adds to LONG", "num"),
        Column("Adds to SHORT", "num"),
    ]
    draw_table(columns, rows, caption="Features that differ, strongest first")
    equal = int(differences.table["is_equal"].sum())
    st.caption(
        f"{plural(len(differing), 'feature differs', 'features differ')}"
        f"{f', the first {_LISTED} are listed' if len(differing) > _LISTED else ''}; "
        f"{count(equal)} equal to the bit. "
        "“Adds” is what the signal changes when the logged value alone replaces the recomputed one."
    )
