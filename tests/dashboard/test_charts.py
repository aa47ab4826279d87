"""Charts: names, values, units. Never pixels."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.alignment.overview import Density
from core.collection.calendar import Calendar, Slot
from core.market import Side
from dashboard.charts import alignment, candle, collection, diagnosis, features, theme

AT = datetime(2025, 11, 3, 4, 45, tzinfo=UTC)
BINS = pd.DataFrame(
    {
        "side": ["LONG", "LONG", "SHORT"],
        "lower": [0.0, 0.1, 0.0],
        "upper": [0.005, 0.105, 0.005],
        "count": [90, 3, 7],
        "is_beyond": [False, True, False],
    }
)
COURSE = pd.DataFrame(
    {
        "side": ["LONG", "SHORT"],
        "start": pd.to_datetime([AT, AT]),
        "hour": [4, 4],
        "weekday": [0, 0],
        "span": ["one", "one"],
        "mean_abs_diff": [0.01, 0.02],
        "p95_abs_diff": [0.03, 0.04],
        "max_abs_diff": [0.3, 0.4],
        "share_above_tolerance": [0.1, 0.0],
        "pairs": [10, 10],
    }
)


def units(figure: go.Figure) -> tuple[str, str]:
    layout = figure.layout
    assert layout.title.text
    return layout.xaxis.title.text, layout.yaxis.title.text


def test_a_histogram_shows_one_side_and_sets_apart_what_is_beyond() -> None:
    figure = alignment.histogram_figure(BINS, side=Side.LONG, tolerance=0.1, is_signed=True)
    assert [trace.name for trace in figure.data] == ["within tolerance", "beyond tolerance"]
    assert [list(trace.y) for trace in figure.data] == [[90], [3]]
    assert [shape.x0 for shape in figure.layout.shapes] == [-0.1, 0.1]
    assert units(figure) == ("Difference (probability; ±0.1 dashed)", "Candles (log)")


def test_an_empty_side_is_an_empty_chart_not_an_error() -> None:
    figure = alignment.histogram_figure(
        BINS.iloc[:0], side=Side.LONG, tolerance=0.1, is_signed=False
    )
    assert all(len(trace.y) == 0 for trace in figure.data)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.1]


def test_density_says_counts_and_leaves_empty_cells_empty() -> None:
    edges = np.linspace(0, 1, 3)
    density = Density(Side.LONG, edges, np.array([[100, 0], [0, 1]]))
    figure = alignment.density_figure(density, production="Production", backtest="Backtest")
    assert np.isnan(figure.data[0].z[0][1])
    assert figure.data[0].z[0][0] == 2
    assert units(figure) == ("Production (probability)", "Backtest (probability)")


def test_course_and_rhythm_have_a_trace_a_side() -> None:
    course = alignment.course_figure(COURSE, tolerance=0.1, zone="Asia/Seoul")
    assert [trace.name for trace in course.data] == [
        "LONG 95th percentile",
        "LONG mean",
        "SHORT 95th percentile",
        "SHORT mean",
    ]
    assert str(course.data[0].x[0])[:16] == "2025-11-03T13:45"
    assert units(course)[0] == "Candle open (Asia/Seoul; dashed: tolerance)"
    for figure in (
        alignment.hour_figure(COURSE),
        alignment.weekday_figure(COURSE),
        alignment.span_figure(COURSE),
    ):
        assert [trace.name for trace in figure.data] == ["LONG", "SHORT"]
        assert units(figure)[1] == "Mean difference (probability)"


def test_the_calendar_names_every_state_and_stays_small() -> None:
    slots = np.full((365, 288), Slot.LOGGED, dtype="int8")
    slots[0, 5] = Slot.MISSING
    days = pd.date_range("2025-01-01", periods=365, tz="UTC")
    figure = collection.calendar_figure(Calendar(days=days, slots=slots, slot_minutes=5))
    assert [trace.name for trace in figure.data[1:]] == [
        "logged",
        "late",
        "recovered",
        "in quarantine",
        "missing",
    ]
    assert figure.data[0].z[0][5] == Slot.MISSING
    assert len(figure.to_json()) < 200_000
    assert units(figure) == ("Candle open (UTC)", "Day (UTC)")


def test_days_below_the_target_are_a_trace_of_their_own() -> None:
    days = pd.DataFrame(
        {
            "day": pd.date_range("2025-11-03", periods=2, tz="UTC"),
            "expected": [288, 288],
            "logged": [288, 200],
            "success_ratio": [1.0, 200 / 288],
        }
    )
    figure = collection.success_figure(days, target_ratio=0.99)
    assert [(trace.name, list(trace.x)) for trace in figure.data] == [
        ("at the target", ["11-03"]),
        ("below the target", ["11-04"]),
    ]
    assert figure.layout.yaxis.range[0] < 100 * 200 / 288


def test_delay_is_in_seconds() -> None:
    bins = pd.DataFrame({"lower_s": [0.0, 1.0], "upper_s": [1.0, 90.0], "count": [9, 1]})
    figure = collection.delay_figure(bins)
    assert list(figure.data[0].y) == [9, 1]
    assert "(s;" in units(figure)[0]


def test_candles_differ_in_fill_as_well_as_in_colour() -> None:
    prices = pd.DataFrame(
        {
            "candle_open": pd.to_datetime([AT]),
            "open": [1.0],
            "high": [2.0],
            "low": [0.5],
            "close": [1.5],
        }
    )
    trace = candle.price_figure(prices, marked=AT, zone="UTC").data[0]
    assert trace.increasing.line.color == theme.UP == "#0072B2"
    assert trace.decreasing.line.color == theme.DOWN == "#D55E00"
    assert trace.increasing.fillcolor != trace.decreasing.fillcolor


def test_signals_show_both_origins_and_the_threshold() -> None:
    pairs = pd.DataFrame(
        {
            "candle_open": pd.to_datetime([AT, AT]),
            "side": ["LONG", "SHORT"],
            "production": [0.8, 0.1],
            "backtest": [0.2, 0.1],
        }
    )
    figure = candle.signals_figure(
        pairs,
        side=Side.LONG,
        marked=AT,
        threshold=0.7,
        production="Production",
        backtest="Backtest",
        zone="UTC",
    )
    assert [(trace.name, list(trace.y)) for trace in figure.data] == [
        ("Production", [0.8]),
        ("Backtest", [0.2]),
    ]
    assert figure.layout.shapes[0].y0 == 0.7


def test_effects_are_ranked_with_the_strongest_on_top() -> None:
    table = pd.DataFrame(
        {
            "feature": ["weak", "strong", "none"],
            "logged": [1.0, 2.0, 3.0],
            "recomputed": [1.0, 1.0, 3.0],
            "scaled": [0.1, 1.0, 0.0],
            "effect_LONG": [0.01, -0.4, 0.0],
        }
    )
    assert list(candle.effects_figure(table, side=Side.LONG).data[0].y) == ["weak", "strong"]
    empty = candle.effects_figure(table.iloc[2:], side=Side.LONG)
    assert "No single feature" in empty.layout.annotations[0].text


def test_a_ladder_marks_production_and_the_own_lookback() -> None:
    ladder = pd.DataFrame(
        {"lookback_bars": [300, 600], "side": ["LONG", "LONG"], "probability": [0.1, 0.8]}
    )
    figure = candle.ladder_figure(ladder, side=Side.LONG, production=0.8, own_bars=300)
    assert list(figure.data[0].x) == [300, 600]
    assert {shape.y0 for shape in figure.layout.shapes} >= {0.8}
    assert units(figure) == ("Lookback (bars)", "Signal (probability)")


def test_a_waterfall_goes_down_to_the_rest() -> None:
    steps = pd.DataFrame(
        {
            "label": ["As configured", "Other lookback", "Unexplained"],
            "kind": ["initial", "cause", "rest"],
            "change": [0.5, -0.5, 0.0],
            "level": [0.5, 0.0, 0.0],
        }
    )
    trace = diagnosis.waterfall_figure(steps).data[0]
    assert list(trace.measure) == ["absolute", "relative", "total"]
    assert list(trace.y) == [0.5, -0.5, 0.0]


def test_sensitivity_marks_the_lookbacks_that_match() -> None:
    signals = pd.DataFrame(
        {
            "lookback_bars": [300, 600, 300, 600],
            "side": ["LONG", "LONG", "SHORT", "SHORT"],
            "candles": [24] * 4,
            "mean_abs_diff": [0.1, 0.0, 0.2, 0.0],
            "max_abs_diff": [0.3, 0.0, 0.4, 0.0],
        }
    )
    figure = features.sensitivity_figure(signals, matching=[600])
    assert [trace.name for trace in figure.data] == ["LONG", "SHORT"]
    assert figure.layout.shapes[0].x0 == 600
