"""Everything that comes from logs and configuration is text and does nothing."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from core.market import Side
from dashboard.charts.candle import effects_figure
from dashboard.draw import export_csv
from dashboard.format import csv_cell, plain
from dashboard.markup import Column, Link, table_html
from dashboard.sections.alignment import span_labels
from tests.dashboard.conftest import View, words
from tests.dashboard.seed_plan import Plan

pytestmark = pytest.mark.slow

SCRIPT = "<script>alert(1)</script>"
MARKDOWN = "**bold** [link](http://example.com) :red[x] $x$"
HOSTILE = Plan(
    bot=f"{SCRIPT}=cmd|' /C calc'!A0 {MARKDOWN}",
    days=1,
    flagged=(100,),
    gaps=(30,),
    file=f"{SCRIPT}{MARKDOWN}.csv",
    feature_prefix=f"=cmd()<img src=x onerror=alert(1)>{MARKDOWN}",
    raw_line=f"=1+1,{SCRIPT},{MARKDOWN}",
    findings=("lookback", SCRIPT),
)
VIEWS = ["today", "collection", "alignment", "worst", "candle", "diagnosis", "features", "health"]


@pytest.mark.parametrize("name", VIEWS)
def test_no_view_lets_text_from_logs_become_markup(
    name: str, view: View, seed: Callable[..., Path]
) -> None:
    app = view(name, seed(HOSTILE))
    assert not app.exception
    html = "\n".join(element.proto.body for element in app.get("html"))
    assert "<script" not in html
    assert "<img" not in html
    for kind in (app.markdown, app.caption, app.subheader, app.title, app.header):
        for element in kind:
            assert "alert(1)" not in element.value
            assert "**bold**" not in element.value


def test_the_raw_line_is_shown_as_it_was_written(view: View, seed: Callable[..., Path]) -> None:
    page = words(view("collection", seed(HOSTILE)))
    assert plain(HOSTILE.raw_line) in page


def test_an_exported_cell_is_no_formula() -> None:
    frame = pd.DataFrame(
        {"=name": ["=1+1", "+1", "-1", "@x", "\t=1", "plain"], "value": [-1.5] * 6}
    )
    lines = export_csv(frame).decode().splitlines()
    assert lines[0] == "'=name,value"
    assert lines[1] == "'=1+1,-1.5"
    assert lines[2:5] == ["'+1,-1.5", "'-1,-1.5", "'@x,-1.5"]
    assert lines[6] == "plain,-1.5"
    assert csv_cell(-1.5) == -1.5


def test_exported_times_say_utc() -> None:
    times = pd.to_datetime(["2025-11-03T04:45:00Z"])
    assert export_csv(pd.DataFrame({"candle_open": times})).decode().splitlines()[1] == (
        "2025-11-03T04:45:00Z"
    )


def test_links_and_cells_are_escaped() -> None:
    html = table_html(
        [Column('"><b>')], [[Link(SCRIPT, 'javascript:"x"')], [SCRIPT]], caption='"><b>'
    )
    assert "<script" not in html
    assert '"><b>' not in html
    assert "javascript:&quot;x&quot;" in html


def test_feature_names_are_escaped_before_plotly_reads_them_as_markup() -> None:
    table = pd.DataFrame(
        {
            "feature": [plain("<a href='http://x'>f</a>")],
            "logged": [1.0],
            "recomputed": [2.0],
            "scaled": [1.0],
            "effect_LONG": [0.5],
        }
    )
    figure = effects_figure(table, side=Side.LONG)
    assert "<a" not in figure.data[0].y[0]


def test_names_of_deployments_are_escaped_before_plotly_reads_them_as_markup() -> None:
    spans = pd.DataFrame({"span": ["<a href='http://x'>b</a> from 2025-11-03"]})
    (label,) = span_labels(spans)["span"]
    assert "<a" not in label
    assert label.endswith("<br>from 2025-11-03")
