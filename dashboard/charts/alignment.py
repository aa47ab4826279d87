"""Charts of how far production and the other side agree; all input is finished."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.alignment.overview import WEEKDAYS, Density
from core.market import Side
from dashboard.charts import theme
from dashboard.format import short

_BEYOND = {False: ("within tolerance", theme.NEUTRAL), True: ("beyond tolerance", theme.VERMILLION)}


def histogram_figure(
    bins: pd.DataFrame, *, side: Side, tolerance: float, is_signed: bool, height: int = 300
) -> go.Figure:
    """One side's differences; bars beyond the tolerance are set apart by colour and legend.

    `bins`: side, lower, upper, count, is_beyond.
    """
    own = bins[bins["side"] == side]
    sizes = own[["lower", "upper"]].abs().to_numpy()
    reach = max(float(sizes.max()) if sizes.size else 0.0, 1.6 * tolerance)
    limit = f"{'±' if is_signed else ''}{short(tolerance)} dashed"
    layout = theme.layout(
        title=f"{side}: {'difference' if is_signed else 'size of the difference'}",
        x=f"Difference (probability; {limit})",
        y="Candles (log)",
        height=height,
        legend=False,
    )
    layout["barmode"] = "stack"
    layout["xaxis"] |= {"range": [-reach if is_signed else 0, reach], "exponentformat": "e"}
    layout["yaxis"] |= {"type": "log", "dtick": 1, "tickformat": ",d"}
    edges = (-tolerance, tolerance) if is_signed else (tolerance,)
    layout["shapes"] = [theme.upright_line(edge) for edge in edges]
    bars = [_bars_of(own[own["is_beyond"] == beyond], *look) for beyond, look in _BEYOND.items()]
    return go.Figure(data=bars, layout=layout)


def _bars_of(rows: pd.DataFrame, name: str, colour: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "x": ((rows["lower"] + rows["upper"]) / 2).to_numpy(),
        "y": rows["count"].to_numpy(),
        "width": ((rows["upper"] - rows["lower"]) * 0.94).to_numpy(),
        "name": name,
        "marker": {"color": colour, "line": {"width": 0}},
        "customdata": np.column_stack([rows["lower"], rows["upper"]]),
        "hovertemplate": (
            f"%{{y:,}} candles {name}<br>"
            "%{customdata[0]:+.4g} to %{customdata[1]:+.4g}<extra></extra>"
        ),
    }


def density_figure(density: Density, *, production: str, backtest: str) -> go.Figure:
    """How often each production value met each backtest value; the diagonal is agreement."""
    shown = np.where(density.counts > 0, np.log10(np.maximum(density.counts, 1)), np.nan)
    figure = go.Figure(
        go.Heatmap(
            x=(density.edges[:-1] + density.edges[1:]) / 2,
            y=(density.edges[:-1] + density.edges[1:]) / 2,
            z=shown.astype("float32"),
            customdata=density.counts.astype("int32"),
            colorscale=theme.DENSITY_SCALE,
            colorbar={
                "title": {"text": "candles", "side": "right"},
                "tickvals": [0, 1, 2, 3, 4, 5],
                "ticktext": ["1", "10", "100", "1k", "10k", "100k"],
                "thickness": 10,
            },
            hovertemplate=(
                f"{production} %{{x:.2f}}<br>{backtest} %{{y:.2f}}<br>%{{customdata:,}} candles"
                "<extra></extra>"
            ),
        )
    )
    figure.add_shape(
        type="line",
        x0=0,
        y0=0,
        x1=1,
        y1=1,
        line={"color": theme.NEUTRAL, "width": 1, "dash": "dot"},
    )
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[0, 1])
    return theme.finish(
        figure,
        title=f"{density.side}: {production.lower()} against {backtest.lower()}",
        x=f"{production} (probability)",
        y=f"{backtest} (probability)",
        height=360,
        legend=False,
    )


def course_figure(course: pd.DataFrame, *, tolerance: float, zone: str) -> go.Figure:
    """Mean and 95th percentile of the size of the difference over time, by side."""
    figure = go.Figure()
    for side, rows in course.groupby("side"):
        start = theme.in_zone(rows["start"], zone)
        colour = theme.SIDE_COLOURS[str(side)]
        figure.add_scatter(
            x=start,
            y=rows["p95_abs_diff"],
            name=f"{side} 95th percentile",
            mode="lines",
            line={"color": colour, "width": 1, "dash": "dot"},
            hovertemplate="%{y:.4f}",
        )
        figure.add_scatter(
            x=start,
            y=rows["mean_abs_diff"],
            name=f"{side} mean",
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"symbol": theme.SIDE_MARKERS[str(side)], "size": 5},
            hovertemplate="%{y:.4f}",
        )
    figure.add_hline(y=tolerance, line={"color": theme.ORANGE, "width": 1.5, "dash": "dash"})
    figure.update_layout(hovermode="x unified")
    figure.update_yaxes(rangemode="tozero")
    return theme.finish(
        figure,
        title="Size of the difference over time",
        x=f"Candle open ({zone}; dashed: tolerance)",
        y="Difference (probability)",
        height=360,
    )


def hour_figure(rows: pd.DataFrame) -> go.Figure:
    """Mean size of the difference by UTC hour."""
    figure = _bars(rows, rows["hour"])
    figure.update_xaxes(dtick=3, range=[-0.6, 23.6])
    return theme.finish(
        figure,
        title="By hour of the day",
        x="Hour of candle open (UTC)",
        y="Mean difference (probability)",
        height=280,
    )


def weekday_figure(rows: pd.DataFrame) -> go.Figure:
    """Mean size of the difference by UTC weekday."""
    figure = _bars(rows, rows["weekday"].map(dict(enumerate(WEEKDAYS))))
    figure.update_xaxes(categoryorder="array", categoryarray=list(WEEKDAYS))
    return theme.finish(
        figure,
        title="By day of the week",
        x="Weekday of candle open (UTC)",
        y="Mean difference (probability)",
        height=280,
    )


def span_figure(rows: pd.DataFrame) -> go.Figure:
    """Mean size of the difference by deployment; names are escaped by the caller."""
    figure = _bars(rows, rows["span"])
    figure.update_xaxes(tickangle=0)
    return theme.finish(
        figure,
        title="By deployment",
        x="Bundle that was live",
        y="Mean difference (probability)",
        height=280,
    )


def _bars(rows: pd.DataFrame, labels: pd.Series) -> go.Figure:
    figure = go.Figure()
    for side, own in rows.groupby("side"):
        figure.add_bar(
            x=labels.loc[own.index],
            y=own["mean_abs_diff"],
            name=str(side),
            marker={"color": theme.SIDE_COLOURS[str(side)]},
            customdata=np.column_stack([own["pairs"], own["share_above_tolerance"]]),
            hovertemplate=(
                "mean %{y:.4f}<br>%{customdata[1]:.2%} beyond tolerance"
                "<br>%{customdata[0]:,} candles"
            ),
        )
    figure.update_layout(barmode="group")
    return figure
