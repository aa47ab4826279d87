"""Charts of how complete the log is; all input is finished."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.collection.calendar import Calendar, Slot
from dashboard.charts import theme
from dashboard.format import percent

SLOTS: dict[Slot, tuple[str, str]] = {
    Slot.LOGGED: ("logged", "#9CC9E8"),
    Slot.LATE: ("late", theme.ORANGE),
    Slot.RECOVERED: ("recovered", theme.GREEN),
    Slot.QUARANTINED: ("in quarantine", theme.PURPLE),
    Slot.MISSING: ("missing", theme.VERMILLION),
}


def calendar_figure(calendar: Calendar) -> go.Figure:
    """Every candle of every UTC day: logged, late, recovered, in quarantine, missing."""
    minutes = np.arange(calendar.slots.shape[1]) * calendar.slot_minutes
    figure = go.Figure(
        go.Heatmap(
            z=calendar.slots,
            x=minutes / 60,
            y=[f"{day:%Y-%m-%d}" for day in calendar.days],
            zmin=-0.5,
            zmax=len(Slot) - 0.5,
            colorscale=_steps(),
            showscale=False,
            xgap=0,
            ygap=1 if len(calendar.days) < 60 else 0,
            hovertemplate="%{y} %{x:.2f} h UTC<extra></extra>",
        )
    )
    for name, colour in SLOTS.values():
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=name,
            marker={"symbol": "square", "size": 10, "color": colour},
        )
    figure.update_xaxes(range=[0, 24], dtick=3, ticksuffix=":00")
    figure.update_yaxes(autorange="reversed", type="category", nticks=12)
    return theme.finish(
        figure,
        title="Every candle of every day",
        x="Candle open (UTC)",
        y="Day (UTC)",
        height=min(640, max(220, 110 + 24 * len(calendar.days))),
    )


def success_figure(days: pd.DataFrame, *, target_ratio: float) -> go.Figure:
    """Success ratio by UTC day against the target."""
    is_met = days["success_ratio"] >= target_ratio
    lowest = days["success_ratio"].min() if len(days) else 1.0
    figure = go.Figure()
    for met, name, colour in (
        (True, "at the target", theme.NEUTRAL),
        (False, "below the target", theme.VERMILLION),
    ):
        rows = days[is_met == met]
        figure.add_bar(
            x=rows["day"].dt.strftime("%m-%d" if len(days) <= 60 else "%Y-%m-%d"),
            y=rows["success_ratio"] * 100,
            name=name,
            marker={"color": colour},
            customdata=np.column_stack([rows["logged"], rows["expected"]]),
            hovertemplate=(
                f"%{{x}}: %{{y:.2f}} %, {name}<br>"
                "%{customdata[0]} of %{customdata[1]} candles<extra></extra>"
            ),
        )
    figure.add_hline(
        y=target_ratio * 100, line={"color": theme.ORANGE, "width": 1.5, "dash": "dash"}
    )
    figure.update_yaxes(range=[_floor_of_axis(float(lowest), target_ratio), 100.4], ticksuffix=" %")
    figure.update_xaxes(type="category", categoryorder="category ascending", nticks=12)
    return theme.finish(
        figure,
        title=f"Daily success ratio (dashed: target {percent(target_ratio, 0)})",
        x="Day (UTC)",
        y="Logged ÷ expected (%)",
        height=280,
        legend=False,
    )


def delay_figure(bins: pd.DataFrame) -> go.Figure:
    """How long after its candle's close a row was written."""
    figure = go.Figure(
        go.Bar(
            x=(bins["lower_s"] + bins["upper_s"].clip(upper=2 * bins["upper_s"].median())) / 2,
            y=bins["count"],
            marker={"color": theme.NEUTRAL},
            customdata=np.column_stack([bins["lower_s"], bins["upper_s"]]),
            hovertemplate=(
                "%{customdata[0]:.1f} to %{customdata[1]:.1f} s<br>%{y:,} rows<extra></extra>"
            ),
        )
    )
    return theme.finish(
        figure,
        title="Delay from candle close to logging",
        x="Delay (s; the last bar holds all slower rows)",
        y="Rows",
        height=280,
        legend=False,
    )


def _floor_of_axis(lowest: float, target_ratio: float) -> float:
    """The axis starts a little below the worst day, so that the target stays visible."""
    span = max(1 - min(lowest, target_ratio), 0.02)
    return max(0.0, 100 * (1 - 1.3 * span))


def _steps() -> list[list[object]]:
    colours = ["rgba(0,0,0,0)", *(colour for _, colour in SLOTS.values())]
    count = len(colours)
    scale: list[list[object]] = []
    for number, colour in enumerate(colours):
        scale += [[number / count, colour], [(number + 1) / count, colour]]
    return scale
