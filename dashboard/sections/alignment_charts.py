"""The charts of the view Alignment."""

from functools import partial

import streamlit as st

from core.alignment.overview import PairOverview
from core.bots import Comparison
from dashboard import shell
from dashboard.charts import alignment as charts
from dashboard.draw import draw_chart
from dashboard.sections.alignment import span_labels
from dashboard.shell import Screen
from dashboard.wording import other_word, production_word

_RHYTHM = {"hours": "hour of the day", "weekdays": "day of the week", "spans": "deployment"}


def distributions(screen: Screen, overview: PairOverview) -> None:
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
                    note=shell.sample_note(screen),
                )


def densities(screen: Screen, comparison: Comparison, overview: PairOverview) -> None:
    shown = [density for density in overview.densities if density.side in screen.selection.sides]
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
                note=shell.sample_note(screen),
            )


def rhythm(screen: Screen, overview: PairOverview) -> None:
    figures = {
        "hours": partial(charts.hour_figure, overview.hours),
        "weekdays": partial(charts.weekday_figure, overview.weekdays),
    }
    if overview.spans is not None:
        figures["spans"] = partial(charts.span_figure, span_labels(overview.spans))
    for column, (key, figure) in zip(st.columns(len(figures)), figures.items(), strict=True):
        with column:
            draw_chart(
                figure,
                of=screen.mark,
                key=key,
                alt=f"Mean difference by {_RHYTHM[key]}",
                note=shell.sample_note(screen),
            )
