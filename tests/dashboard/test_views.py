"""Every view in every state: drawn without an error, and saying what it is."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from core.storage.engine import writer_engine
from dashboard import clock
from tests.dashboard.conftest import View, words
from tests.dashboard.seed import write_config
from tests.dashboard.seed_plan import BACKTEST, NOW, Plan
from tests.databases import database_url

pytestmark = pytest.mark.slow

VIEWS = ["today", "collection", "alignment", "worst", "candle", "diagnosis", "features", "health"]
WORST = "2025-11-04T16:35:00Z"  # position 200 of the seeded candles


def check(app: AppTest) -> str:
    assert not app.exception, app.exception[0].stack_trace
    return words(app)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_draws_what_is_stored_and_says_how_fresh_it_is(
    name: str, view: View, seeded: Path
) -> None:
    page = check(view(name, seeded))
    assert ("data to 08:50 KST, closed 1 min ago" if name == "today" else ">Fresh<") in page
    assert "2025-11-07 08:50 KST" in page or name == "today"
    assert "Collector last ran 2025-11-07 08:56 KST" in page
    assert "Simulated bot" in page


@pytest.mark.parametrize("name", VIEWS)
def test_a_missing_database_is_a_page_with_one_instruction(
    name: str, view: View, tmp_path: Path
) -> None:
    page = check(view(name, write_config(tmp_path)))
    assert "The collector has not run yet" in page
    assert "python -m collector run" in page


@pytest.mark.parametrize("name", VIEWS)
def test_a_missing_table_is_a_state_and_no_traceback(
    name: str, view: View, seed: Callable[..., Path]
) -> None:
    config = seed(Plan(days=0.5))
    engine = writer_engine(database_url(config.parent / "align.db"))
    with engine.begin() as connection:
        connection.execute(sa.text("alter table feature_row rename to elsewhere"))
    engine.dispose()
    assert "could not be read" in check(view(name, config))


def test_an_address_of_no_database_is_told_on_the_page(
    view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "align.toml"
    config.write_text('database_url = "mysql://u:S3CR3T@h/db"\n')
    monkeypatch.setenv("ALIGN_CONFIG", str(config))
    app = Path(__file__).parents[2] / "dashboard" / "app.py"
    page = check(AppTest.from_file(str(app), default_timeout=60).run())
    assert "align.toml cannot be used" in page
    assert "no database that Align knows" in page
    assert "S3CR3T" not in page


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(("revision", "said"), [("0000", "older"), ("9999", "newer")])
def test_another_schema_is_a_page_with_one_instruction(
    name: str, revision: str, said: str, view: View, seed: Callable[..., Path]
) -> None:
    config = seed(Plan(days=0.5))
    engine = writer_engine(database_url(config.parent / "align.db"))
    with engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = :r"), {"r": revision})
    engine.dispose()
    assert said in check(view(name, config))


@pytest.mark.parametrize("name", VIEWS)
def test_a_configured_bot_without_a_row_was_never_collected(
    name: str, view: View, seed: Callable[..., Path]
) -> None:
    config = seed(Plan(days=0.5))
    write_config(config.parent, [Plan(bot="another-bot")])
    page = check(view(name, config))
    assert "Never collected" in page
    assert "another-bot" in page


@pytest.mark.parametrize("name", VIEWS)
def test_a_stopped_collector_makes_every_view_stale(
    name: str, view: View, seeded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=10))
    page = check(view(name, seeded))
    assert "Stale: the collector has stopped" in page
    assert ">Fresh<" not in page


@pytest.mark.parametrize("name", ["collection", "alignment", "worst", "features"])
def test_a_window_without_rows_is_filtered_out_not_healthy(
    name: str, view: View, seeded: Path
) -> None:
    page = check(view(name, seeded, window="2024-01-01..2024-01-02"))
    assert "Filtered out" in page
    assert "Nothing flagged" not in page


def test_a_silent_bot_is_never_green_while_the_collector_runs(
    view: View, seed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = seed(Plan(days=1, gaps=()))
    later = NOW + timedelta(minutes=15)
    engine = writer_engine(database_url(config.parent / "align.db"))
    with engine.begin() as connection:
        connection.execute(
            sa.text("update run set finished_at = :t"), {"t": int(later.timestamp() * 1e6)}
        )
    engine.dispose()
    monkeypatch.setattr(clock, "now", lambda: later)
    page = check(view("today", config))
    assert "Stale: the bot is silent" in page
    assert "3 closed candles since" in page
    assert "All good" not in page


def test_nothing_flagged_is_told_apart_from_filtered_out(
    view: View, seed: Callable[..., Path]
) -> None:
    config = seed(Plan(days=1, gaps=(), flagged=(), quarantined=()))
    assert "Nothing flagged" in check(view("worst", config))
    page = check(view("collection", config))
    assert "No candle is missing" in page
    assert "Every line that was read is stored or a duplicate" in page
    assert "Filtered out" in check(view("worst", config, flips="1"))


def test_the_glance_tells_ratio_gaps_misaligned_and_age_in_one_sentence(
    view: View, seeded: Path
) -> None:
    page = check(view("today", seeded))
    assert "Logging 99.53 %, at or above 99 %: 4 candles missing" in page
    assert "no candle misaligned since midnight UTC" in page
    assert "data to 08:50 KST, closed 1 min ago" in page
    assert "Needs a look" in page


SAMPLED = ["today", "alignment", "worst"]


@pytest.mark.parametrize("name", SAMPLED)
def test_statistics_over_a_sample_say_so(name: str, view: View, seed: Callable[..., Path]) -> None:
    app = view(name, seed(Plan(recomputed_every=4)), comparison=BACKTEST)
    page = check(app)
    assert re.search(r"[Ss]ample: 25 % of 860 candles recomputed so far", page)
    if name != "worst":
        notes = [chart.proto.alt for chart in app.get("plotly_chart")]
        assert sum("Sample: 25 % of 860 candles" in alt for alt in notes) >= 2
        specs = [chart.proto.spec for chart in app.get("plotly_chart")]
        assert sum("Sample: 25 % of 860 candles" in spec for spec in specs) >= 2


def test_the_aligned_card_and_the_worst_card_say_sample(
    view: View, seed: Callable[..., Path]
) -> None:
    page = check(view("today", seed(Plan(recomputed_every=4)), comparison=BACKTEST))
    cards = re.findall(r'<div class="al-card">.*?</div>', page, re.S)
    said = [card for card in cards if "Sample: 25 % of 860 candles recomputed so far" in card]
    assert re.findall(r"<h3>(\w+)", "".join(said)) == ["Aligned", "Worst"]


def test_the_second_of_two_comparisons_says_its_own_sample(
    view: View, seed: Callable[..., Path]
) -> None:
    config = seed(Plan(recomputed_every=4))
    page = check(view("alignment", config, comparison="recomputed-300", against=BACKTEST))
    assert page.count("Sample: 25 % of 860 candles") == 1


@pytest.mark.parametrize("name", SAMPLED)
def test_a_backtest_that_is_whole_says_nothing_of_a_sample(
    name: str, view: View, seeded: Path
) -> None:
    app = view(name, seeded, comparison=BACKTEST)
    assert "ample:" not in check(app)
    assert all("ample:" not in chart.proto.spec for chart in app.get("plotly_chart"))


def test_today_says_how_it_stands_in_one_badge(view: View, seeded: Path) -> None:
    page = check(view("today", seeded))
    assert ">Fresh<" not in page
    assert page.count(' al-big"') == 1


def test_causes_lead_to_a_comparison_that_has_findings(view: View, seeded: Path) -> None:
    app = view("today", seeded, comparison="recomputed-300")
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    assert f"comparison={BACKTEST}" in links["Causes"]
    assert "comparison=recomputed-300" in links["Why it differs"]


def test_phases_name_what_each_waits_for(view: View, seeded: Path) -> None:
    page = check(view("today", seeded))
    assert "2,016 rows (7 days) at a success ratio of at least 99 %" in page
    assert "All 1,720 emitted signals reproduced." in page
    assert page.count("Not yet available in this version.") == 2


def test_worst_candles_are_ranked_links_and_filters_narrow_them(view: View, seeded: Path) -> None:
    page = check(view("worst", seeded, comparison=BACKTEST))
    assert "./candle?bot=btc-5m" in page
    assert "open=2025-11-04T16%3A35%3A00Z" in page
    one_side = check(view("worst", seeded, comparison=BACKTEST, side="LONG"))
    assert ">SHORT</td>" not in one_side
    explained = check(view("worst", seeded, comparison=BACKTEST, unexplained="1"))
    assert "Filtered out" in explained


def test_a_candle_outside_the_stretches_of_a_finding_stays_unexplained(
    view: View, seed: Callable[..., Path]
) -> None:
    config = seed(Plan(scope=(190, 210)))  # holds the flagged candle 200, not 450
    page = check(view("worst", config, comparison=BACKTEST, unexplained="1"))
    assert "open=2025-11-05T13%3A25%3A00Z" in page
    assert "open=2025-11-04T16%3A35%3A00Z" not in page
    inside = check(view("candle", config, open=WORST, comparison=BACKTEST))
    assert "Set lookback_bars." in inside
    outside = check(view("candle", config, open="2025-11-05T13:25:00Z", comparison=BACKTEST))
    assert "no cause found that speaks of it" in outside
    assert "Set lookback_bars." not in outside


def test_a_candle_opens_cold_from_its_address(view: View, seeded: Path) -> None:
    page = check(view("candle", seeded, bot="btc-5m", open=WORST, comparison=BACKTEST))
    assert "Candle open 2025-11-04 16:35 UTC" in page
    assert "Misaligned" in page
    assert "set lookback_bars" in page.lower()
    assert "the file is no longer there" in page


def test_an_address_of_no_candle_says_so(view: View, seeded: Path) -> None:
    for wrong in ("2025-11-04T16:36:00Z", "2031-01-01T00:00:00Z"):
        assert "Filtered out" in check(view("candle", seeded, open=wrong))


@pytest.mark.parametrize("name", VIEWS)
def test_a_reader_may_start_at_any_text_in_the_address(name: str, view: View, seeded: Path) -> None:
    strange = {"bot": "no-such", "window": "1..2", "side": "UP", "zone": "Mars", "open": "x"}
    app = view(name, seeded, **strange, comparison="<b>")
    assert check(app) == check(view(name, seeded))
    resolved = {key: app.query_params[key] for key in ("bot", "window", "side", "zone")}
    assert resolved == {"bot": "btc-5m", "window": "7d", "side": "both", "zone": "Asia/Seoul"}
    assert app.query_params["comparison"] == BACKTEST
    if name == "candle":
        assert app.query_params["open"] == WORST


def test_a_review_survives_and_stands_beside_its_candle(
    view: View, seed: Callable[..., Path]
) -> None:
    config = seed(Plan())
    app = view("candle", config, open=WORST, comparison=BACKTEST)
    app.checkbox[0].check()
    app.text_area[0].input("seen: exchange outage")
    app = app.button[0].click().run()
    assert not app.exception
    page = check(view("worst", config, comparison=BACKTEST))
    assert "seen: exchange outage" in page
    unreviewed = check(view("worst", config, comparison=BACKTEST, unreviewed="1"))
    assert "seen: exchange outage" not in unreviewed


def test_several_bots_have_a_status_each(view: View, seed: Callable[..., Path]) -> None:
    config = seed(Plan(days=1), Plan(bot="eth-5m", days=1))
    page = check(view("today", config))
    assert "btc-5m: " in page
    assert "eth-5m: " in page


def test_every_chart_has_words_for_who_cannot_see_it(view: View, seeded: Path) -> None:
    for name in VIEWS:
        for chart in view(name, seeded).get("plotly_chart"):
            assert chart.proto.alt


def test_a_proven_cause_stands_first_in_diagnosis(view: View, seeded: Path) -> None:
    page = check(view("diagnosis", seeded, comparison=BACKTEST))
    assert "Proven: Other lookback" in page
    other = check(view("diagnosis", seeded, comparison="recomputed-300"))
    assert "has not been diagnosed" in other
