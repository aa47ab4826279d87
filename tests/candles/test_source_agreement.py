import pandas as pd
import pytest
import sqlalchemy as sa

from core.candles.source_agreement import agreement_report, compare_sources
from core.candles.writes import ensure_source, store_candles
from core.settings import BotSettings
from tests.candles.factories import make_candles

AT = pd.Timestamp("2025-11-10", tz="UTC").to_pydatetime()


def test_equal_sources_agree_wholly() -> None:
    report = compare_sources(make_candles(), make_candles(), left="a", right="b")
    assert (report.common, report.only_left, report.only_right) == (6, 0, 0)
    assert set(report.equal_ratio.values()) == {1.0}
    assert report.largest_at is None
    assert report.median_volume_ratio == 1.0


def test_differences_are_counted_per_column() -> None:
    close = make_candles()["close"] + [0, 0, -0.25, 0.125, 0, 0]
    other = make_candles().assign(volume=[20.0, 22, 24, 26, 28, 0], close=close)
    report = compare_sources(make_candles(), other, left="a", right="b")
    assert report.equal_ratio["close"] == pytest.approx(4 / 6)
    assert report.largest_diff["close"] == 0.25
    assert report.largest_at == make_candles()["candle_open"][2]
    assert report.equal_ratio["volume"] == 0.0
    assert report.median_volume_ratio == 0.5  # the untraded candle has no ratio


def test_only_the_common_span_counts_as_lacking() -> None:
    left = make_candles(10).drop(index=[4])
    right = make_candles(20).iloc[2:].drop(index=[5, 6])
    report = compare_sources(left, right, left="a", right="b")
    assert (report.common, report.only_left, report.only_right) == (5, 2, 1)


def test_disjoint_sources_have_no_numbers() -> None:
    later = make_candles(first=pd.Timestamp("2025-12-01", tz="UTC"))
    report = compare_sources(make_candles(), later, left="a", right="b")
    assert report.common == 0
    assert report.median_volume_ratio is None
    assert report.equal_ratio["open"] is None


def test_report_covers_every_pair_of_sources_with_candles(engine: sa.Engine) -> None:
    names = ["first", "second", "empty"]
    bot = BotSettings.model_validate(
        {"name": "btc", "candles": [{"name": name, "paths": ["x"]} for name in names]}
    )
    with engine.begin() as conn:
        for name in names[:2]:
            source_id = ensure_source(conn, 1, name)
            store_candles(conn, source_id, make_candles(), origin=name, now=AT)
        reports = agreement_report(conn, 1, bot)
    assert [(report.left, report.right) for report in reports] == [("first", "second")]
