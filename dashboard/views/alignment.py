"""Do production and backtest agree: one comparison in depth, or two side by side."""

from functools import partial

import streamlit as st

from core.alignment.overview import PairOverview
from core.storage.reads.bots import Comparison
from dashboard import shell
from dashboard.charts import alignment as charts
from dashboard.draw import draw_chart
from dashboard.format import plural
from dashboard.markup import draw_text
from dashboard.sections import alignment as sections
from dashboard.shell import Screen
from dashboard.wording import comparison_sentence, other_word, production_word


def render() -> None:
    shell.draw("alignment", body)


def body(screen: Screen) -> None:
    comparison = shell.chosen_comparison(screen)
    overview = shell.overview_or_state(screen, comparison)
    if comparison is None or overview is None:
        return
    draw_text(comparison_sentence(comparison))
    sections.alignment_status(screen, comparison, overview)
    sections.metrics_table(screen, comparison, overview)
    _distributions(screen, overview)
    _densities(screen, comparison, overview)
    draw_chart(
        partial(
            charts.course_figure,
            overview.course,
            tolerance=overview.tolerance,
            zone=screen.zone,
        ),
        of=screen.mark,
        key="course",
        alt=f"Mean and 95th percentile of the difference over {plural(overview.candles, 'candle')}",
    )
    _rhythm(screen, overview)
    sections.side_by_side(screen, comparison, overview)


def _distributions(screen: Screen, overview: PairOverview) -> None:
    for side in screen.selection.sides:
        for column, bins, is_signed in zip(
            st.columns(2), (overview.signed, overview.absolute), (True, False), strict=True
        ):
            figure = partial(
                charts.histogram_figure,
                bins,
                side=side,
                tolerance=overview.tolerance,
                is_signed=is_signed,
            )
            kind = "signed" if is_signed else "absolute"
            with column:
                draw_chart(
                    figure,
                    of=screen.mark,
                    key=f"bins-{side}-{kind}",
                    alt=f"{side} {kind} difference by candles",
                )


def _densities(screen: Screen, comparison: Comparison, overview: PairOverview) -> None:
    shown = [one for one in overview.densities if one.side in screen.selection.sides]
    for column, density in zip(st.columns(max(len(shown), 1)), shown, strict=False):
        figure = partial(
            charts.density_figure,
            density,
            production=production_word(comparison.name),
            backtest=other_word(comparison.name),
        )
        with column:
            draw_chart(
                figure,
                of=screen.mark,
                key=f"density-{density.side}",
                alt=f"{density.side} production against backtest; agreement is the diagonal",
            )


def _rhythm(screen: Screen, overview: PairOverview) -> None:
    figures = {
        "hours": partial(charts.hour_figure, overview.hours),
        "weekdays": partial(charts.weekday_figure, overview.weekdays),
    }
    if overview.spans is not None:
        figures["spans"] = partial(charts.span_figure, sections.span_labels(overview.spans))
    for column, (key, figure) in zip(st.columns(len(figures)), figures.items(), strict=True):
        with column:
            draw_chart(figure, of=screen.mark, key=key, alt=f"Mean difference by {key}")
