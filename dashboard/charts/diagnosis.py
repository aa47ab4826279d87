"""Charts of what causes explain; all input is finished."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts import theme
from dashboard.format import probability, signed


def waterfall_figure(steps: pd.DataFrame) -> go.Figure:
    """From the initial difference to the unexplained rest.

    `steps`: label (escaped), kind (initial, cause, rest), change and level, both mean
    absolute differences in probability.
    """
    measures = {"initial": "absolute", "cause": "relative", "rest": "total"}
    labels = [
        f"{label}<br>{signed(change) if kind == 'cause' else probability(change)}"
        for label, kind, change in zip(
            steps["label"], steps["kind"], steps["change"].astype("float64"), strict=True
        )
    ]
    figure = go.Figure(
        go.Waterfall(
            x=labels,
            y=steps["change"],
            measure=[measures[kind] for kind in steps["kind"]],
            customdata=steps["level"],
            hovertemplate="%{x}<br>left: %{customdata:.5f}<extra></extra>",
            decreasing={"marker": {"color": theme.GREEN}},
            increasing={"marker": {"color": theme.VERMILLION}},
            totals={"marker": {"color": theme.NEUTRAL}},
            connector={"line": {"color": theme.NEUTRAL, "width": 1, "dash": "dot"}},
        )
    )
    figure.update_yaxes(rangemode="tozero")
    return theme.finish(
        figure,
        title="From the difference to the unexplained rest",
        x="Undone one after the other",
        y="Mean difference (probability)",
        height=340,
        legend=False,
    )
