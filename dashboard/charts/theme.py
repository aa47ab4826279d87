"""Colours, sides and the layout that every chart shares (Okabe–Ito palette).

Backgrounds and text colours come from the page's theme, light or dark.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go

from core.market import Side

BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
ORANGE = "#E69F00"
PURPLE = "#CC79A7"
NEUTRAL = "#8C98A5"

UP, DOWN = BLUE, VERMILLION
SIDE_COLOURS: dict[str, str] = {Side.LONG: BLUE, Side.SHORT: VERMILLION}
SIDE_DASH: dict[str, str] = {Side.LONG: "solid", Side.SHORT: "dot"}
SIDE_MARKERS: dict[str, str] = {Side.LONG: "circle", Side.SHORT: "diamond"}
# From agreement to density: one hue, readable on light and on dark ground.
DENSITY_SCALE = [
    [0.0, "rgba(86,180,233,0.10)"],
    [0.35, "#56B4E9"],
    [0.7, "#0072B2"],
    [1.0, "#E69F00"],
]


def layout(*, title: str, x: str, y: str, height: int = 320, legend: bool = True) -> dict[str, Any]:
    """Title, axis titles with units, and quiet defaults, for a figure made in one go."""
    axis = {"automargin": True}
    return {
        "title": {"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left", "y": 0.97},
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 44, "b": 8},
        "showlegend": legend,
        # Below everything: where it wraps into several lines it pushes the plot, not the title.
        "legend": {"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0.01}
        | {"xanchor": "left", "x": 0},
        "hoverlabel": {"font": {"size": 12}},
        "bargap": 0.08,
        "xaxis": {**axis, "title": {"text": x, "font": {"size": 12}}},
        "yaxis": {**axis, "title": {"text": y, "font": {"size": 12}}},
    }


def finish(
    figure: go.Figure, *, title: str, x: str, y: str, height: int = 320, legend: bool = True
) -> go.Figure:
    """The same for a figure that was put together step by step."""
    return figure.update_layout(layout(title=title, x=x, y=y, height=height, legend=legend))


def with_note(figure: go.Figure, note: str) -> go.Figure:
    """A finished figure with a line under its title, which its top margin makes room for."""
    top = (figure.layout.margin.t or 44) + 18
    return figure.update_layout(
        title_subtitle={"text": note, "font": {"size": 12, "color": ORANGE}}, margin_t=top
    )


def upright_line(at: float) -> dict[str, Any]:
    """A dashed line over the whole height, as a shape: several times quicker than add_vline."""
    return {
        "type": "line",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": ORANGE, "width": 1.5, "dash": "dash"},
    }


def in_zone(times: pd.Series, zone: str) -> pd.Series:
    """Times as wall-clock times of a zone, without zone: Plotly draws what it is given."""
    local: pd.Series = times.dt.tz_convert(ZoneInfo(zone)).dt.tz_localize(None)
    return local


def moment_in_zone(time: datetime, zone: str) -> datetime:
    """One time as wall-clock time of a zone, without zone."""
    return time.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def zone_axis(words: str, zone: str) -> str:
    """An axis title that names the zone."""
    return f"{words} ({zone})"


def empty_note(figure: go.Figure, text: str) -> go.Figure:
    """Say inside an empty chart why it is empty."""
    figure.add_annotation(
        text=text, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"size": 13}
    )
    return figure.update_xaxes(showticklabels=False, showgrid=False, zeroline=False).update_yaxes(
        showticklabels=False, showgrid=False, zeroline=False
    )
