"""Charts of one candle and its neighbours; all input is finished."""

from datetime import datetime

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.market import Side
from dashboard.charts import theme
from dashboard.format import short


def price_figure(prices: pd.DataFrame, *, marked: datetime, zone: str) -> go.Figure:
    """Candles around the marked one; up and down differ in fill as well as in colour."""
    figure = go.Figure(
        go.Candlestick(
            x=theme.in_zone(prices["candle_open"], zone),
            open=prices["open"],
            high=prices["high"],
            low=prices["low"],
            close=prices["close"],
            increasing={"line": {"color": theme.UP}, "fillcolor": "rgba(0,0,0,0)"},
            decreasing={"line": {"color": theme.DOWN}, "fillcolor": theme.DOWN},
            name="price",
        )
    )
    _mark(figure, marked, zone)
    figure.update_xaxes(rangeslider={"visible": False})
    figure.update_yaxes(tickformat=",.6~r")
    return theme.finish(
        figure,
        title="Price around the candle",
        x=theme.zone_axis("Candle open", zone),
        y="Price (quote currency)",
        height=320,
        legend=False,
    )


def signals_figure(
    pairs: pd.DataFrame,
    *,
    side: Side,
    marked: datetime,
    threshold: float,
    production: str,
    backtest: str,
    zone: str,
) -> go.Figure:
    """Both origins of one side around the candle, with the threshold."""
    rows = pairs[pairs["side"] == side]
    opened = theme.in_zone(rows["candle_open"], zone)
    figure = go.Figure()
    for column, name, dash, symbol, colour in (
        ("production", production, "solid", "circle", theme.BLUE),
        ("backtest", backtest, "dot", "diamond", theme.ORANGE),
    ):
        figure.add_scatter(
            x=opened,
            y=rows[column],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 1.8},
            marker={"symbol": symbol, "size": 5},
            hovertemplate="%{y:.4f}",
        )
    figure.add_hline(y=threshold, line={"color": theme.NEUTRAL, "width": 1.2, "dash": "dash"})
    _mark(figure, marked, zone)
    figure.update_layout(hovermode="x unified")
    figure.update_yaxes(range=[-0.02, 1.02])
    return theme.finish(
        figure,
        title=f"{side} (dashed: threshold {short(threshold)})",
        x=theme.zone_axis("Candle open", zone),
        y="Signal (probability)",
        height=300,
    )


def effects_figure(table: pd.DataFrame, *, side: Side, limit: int = 12) -> go.Figure:
    """What the logged value of each feature adds to the signal; names are escaped already."""
    column = f"effect_{side}"
    used = table[table[column].notna() & (table[column] != 0)]
    ranked = used.reindex(used[column].abs().sort_values(ascending=False).index)
    rows = ranked.head(limit).iloc[::-1]
    colours = np.where(rows[column] >= 0, theme.BLUE, theme.VERMILLION)
    figure = go.Figure(
        go.Bar(
            x=rows[column],
            y=rows["feature"],
            orientation="h",
            marker={"color": colours},
            customdata=np.column_stack([rows["logged"], rows["recomputed"], rows["scaled"]]),
            hovertemplate=(
                "%{x:+.4f}<br>logged %{customdata[0]:.6g}<br>recomputed %{customdata[1]:.6g}"
                "<br>%{customdata[2]:+.3f} scaler units<extra></extra>"
            ),
        )
    )
    if rows.empty:
        theme.empty_note(figure, "No single feature changes this signal.")
    figure.update_yaxes(ticklabelposition="outside", automargin=True)
    return theme.finish(
        figure,
        title=f"{side}: what each logged value adds",
        x="Change of the signal (probability)",
        y="",
        height=max(220, 90 + 24 * len(rows)),
        legend=False,
    )


def ladder_figure(
    ladder: pd.DataFrame, *, side: Side, production: float | None, own_bars: int | None
) -> go.Figure:
    """The signal of this candle at each lookback against what production said."""
    rows = ladder[ladder["side"] == side]
    figure = go.Figure(
        go.Scatter(
            x=rows["lookback_bars"],
            y=rows["probability"],
            name="recomputed",
            mode="lines+markers",
            line={"color": theme.ORANGE, "width": 2},
            marker={"symbol": "diamond", "size": 7},
            hovertemplate="%{x} bars: %{y:.4f}",
        )
    )
    if production is not None:
        figure.add_hline(
            y=production,
            line={"color": theme.BLUE, "width": 2},
            annotation={"text": "production", "font": {"size": 11}},
        )
    if own_bars is not None:
        figure.add_vline(x=own_bars, line={"color": theme.NEUTRAL, "width": 1.2, "dash": "dash"})
    figure.update_yaxes(range=[-0.02, 1.02])
    return theme.finish(
        figure,
        title=f"{side}: signal by lookback (dashed: this backtest)",
        x="Lookback (bars)",
        y="Signal (probability)",
        height=300,
        legend=False,
    )


def _mark(figure: go.Figure, marked: datetime, zone: str) -> None:
    at = theme.moment_in_zone(marked, zone)
    figure.add_vline(x=at, line={"color": theme.PURPLE, "width": 2})
