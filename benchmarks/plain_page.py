"""The page that one would write first: the same charts straight from raw rows, nothing cached."""

import os

import pandas as pd
import plotly.express as px
import sqlalchemy as sa
import streamlit as st

engine = sa.create_engine(os.environ["PLAIN_PAGE_DATABASE"])
pairs = pd.read_sql(
    "select candle_open, side, production, backtest, diff, abs_diff from pair "
    "where comparison_id = 2 order by candle_open",
    engine,
)
pairs["candle_open"] = pd.to_datetime(pairs["candle_open"], unit="us", utc=True)
pairs["hour"] = pairs["candle_open"].dt.hour
pairs["weekday"] = pairs["candle_open"].dt.day_of_week

st.title("Alignment")
st.dataframe(pairs.groupby("side")["abs_diff"].describe(percentiles=[0.5, 0.95, 0.99]))
for side in ("LONG", "SHORT"):
    own = pairs[pairs["side"] == side]
    st.plotly_chart(px.histogram(own, x="diff"), key=f"diff-{side}")
    st.plotly_chart(px.histogram(own, x="abs_diff"), key=f"size-{side}")
    st.plotly_chart(px.scatter(own, x="production", y="backtest"), key=f"density-{side}")
st.plotly_chart(px.line(pairs, x="candle_open", y="abs_diff", color="side"), key="course")
for by in ("hour", "weekday"):
    mean = pairs.groupby([by, "side"], as_index=False)["abs_diff"].mean()
    st.plotly_chart(px.bar(mean, x=by, y="abs_diff", color="side", barmode="group"), key=by)
