"""Charts of features; all input is finished."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts import theme


def sensitivity_figure(signals: pd.DataFrame, *, matching: Sequence[int]) -> go.Figure:
    """Mean difference of the signals at each lookback; matching lookbacks are marked."""
    figure = go.Figure()
    for side, rows in signals.groupby("side"):
        figure.add_scatter(
            x=rows["lookback_bars"],
            y=rows["mean_abs_diff"],
            name=str(side),
            mode="lines+markers",
            line={"color": theme.SIDE_COLOURS[str(side)], "dash": theme.SIDE_DASH[str(side)]},
            marker={"symbol": theme.SIDE_MARKERS[str(side)], "size": 7},
            customdata=np.column_stack([rows["max_abs_diff"], rows["candles"]]),
            hovertemplate=(
                "%{x} bars: mean %{y:.5f}<br>largest %{customdata[0]:.4f}, "
                "%{customdata[1]:,} candles"
            ),
        )
    for bars in matching:
        figure.add_vline(x=bars, line={"color": theme.GREEN, "width": 2, "dash": "dash"})
    figure.update_yaxes(rangemode="tozero")
    return theme.finish(
        figure,
        title="Difference of the signals by lookback",
        x="Lookback (bars; dashed: reproduces the log)",
        y="Mean difference (probability)",
        height=320,
    )
