"""Parts of the view Alignment."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from core.alignment.metrics import TABLE, Metric, Unit
from core.alignment.overview import PairOverview
from core.bots import Comparison
from dashboard import shell
from dashboard.charts import alignment as charts
from dashboard.controls import pick_param
from dashboard.data import pair_reads
from dashboard.draw import draw_chart
from dashboard.format import count, moment, plain, probability, share, signed
from dashboard.markup import Cell, Column, draw_heading, draw_status, draw_table
from dashboard.sentences import alignment_badge, alignment_sentence
from dashboard.shell import Screen

_MATCHED = Metric(
    "matched_ratio",
    "Matched",
    Unit.RATIO,
    "candles with both signals ÷ candles with either",
    lambda pairs: None,  # counted in the database
)


def alignment_status(screen: Screen, comparison: Comparison, overview: PairOverview) -> None:
    draw_status(
        alignment_badge(overview),
        alignment_sentence(overview, screen.zone),
        detail=(
            f"{comparison.name} · candles from {moment(overview.first, screen.zone)} "
            f"to {moment(overview.last, screen.zone)}"
        ),
    )
    shell.draw_sample(screen)


def metrics_table(screen: Screen, comparison: Comparison, overview: PairOverview) -> None:
    """Every metric by side; formulas are in docs/metrics.md."""
    matched = pair_reads.matched_ratios(
        screen.state.bot_id, comparison.id, comparison.name, screen.bounds, screen.version
    )
    sides = [side for side in screen.selection.sides if side in overview.metrics.index]
    values = {
        side: {**overview.metrics.loc[side].to_dict(), "matched_ratio": matched[side]}
        for side in sides
    }
    rows: list[list[Cell]] = [
        [
            metric.label,
            *(_figure(metric.unit, values[side][metric.name], screen.zone) for side in sides),
            metric.meaning,
        ]
        for metric in (TABLE[0], _MATCHED, *TABLE[1:])
    ]
    columns = [Column("Metric", "nowrap"), *(Column(side, "num") for side in sides)]
    draw_table([*columns, Column("Meaning", "nowrap")], rows, caption="Metrics of the differences")
    note = shell.sample_note(screen)
    if note:
        st.caption(note)


def span_labels(spans: pd.DataFrame) -> pd.DataFrame:
    """Deployments named in two lines; their names are text, whatever they contain."""
    names = spans["span"].map(lambda name: plain(name).replace(" from ", "<br>from "))
    return spans.assign(span=names)


def side_by_side(screen: Screen, comparison: Comparison, overview: PairOverview) -> None:
    """Any second comparison beside this one, on the same window."""
    stored = pair_reads.comparisons(screen.state.bot_id, screen.version)
    others = [entry.name for entry in stored if entry.name != comparison.name]
    if not others:
        return
    st.subheader("Before and after: two comparisons side by side", anchor=False)
    chosen = pick_param("against", "Compare with", others)
    second = next(entry for entry in stored if entry.name == chosen)
    other = shell.overview_of(screen, second)
    left, right = st.columns(2)
    for column, beside, summed_up in ((left, comparison, overview), (right, second, other)):
        with column, st.container(border=True):
            draw_heading(beside.name)
            if summed_up is None:
                st.caption("No pair in this window.")
                continue
            draw_status(alignment_badge(summed_up), alignment_sentence(summed_up, screen.zone))
            shell.draw_sample(screen, beside.name)
            for side in screen.selection.sides:
                figure = partial(
                    charts.histogram_figure,
                    summed_up.signed,
                    side=side,
                    tolerance=summed_up.tolerance,
                    is_signed=True,
                    height=240,
                )
                draw_chart(
                    figure,
                    of=screen.mark,
                    key=f"beside-{beside.id}-{side}",
                    alt=f"{side} difference, {beside.name}",
                    note=shell.sample_note(screen, beside.name),
                )


def _figure(unit: Unit, value: object, zone: str) -> str:
    if unit is Unit.TIME:
        return moment(value, zone)  # type: ignore[arg-type]  # by its unit
    number = None if value is None else float(value)  # type: ignore[arg-type]  # by its unit
    written: dict[Unit, Callable[[float | None], str]] = {
        Unit.COUNT: count,
        Unit.RATIO: share,
        Unit.SIGNED_PROBABILITY: signed,
    }
    return written.get(unit, probability)(number)
