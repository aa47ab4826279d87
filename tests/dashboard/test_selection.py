from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.market import SIDES
from core.settings import BotSettings, Settings
from dashboard import selection as chosen
from dashboard.links import href, open_param, parse_open

BAR = timedelta(minutes=5)
LAST = datetime(2025, 11, 6, 23, 50, tzinfo=UTC)


def settings() -> Settings:
    backtests = [
        {"name": name, "pipeline": "reference", "lookback_bars": 600} for name in ("a", "b")
    ]
    log = [{"name": "columns", "format": "feature_log"}]
    bots = [
        BotSettings.model_validate({"name": "btc", "signal_log": log, "backtests": backtests}),
        BotSettings.model_validate({"name": "eth"}),
    ]
    return Settings(bots=tuple(bots), display_zone="Asia/Seoul")


def test_defaults_are_the_first_bot_and_its_first_backtest() -> None:
    found = chosen.resolve({}, settings())
    assert found.params() == {
        "bot": "btc",
        "window": "7d",
        "comparison": "a",
        "side": "both",
        "zone": "Asia/Seoul",
    }


def test_a_known_choice_is_kept() -> None:
    wanted = {"bot": "btc", "window": "24h", "comparison": "replay", "side": "LONG", "zone": "UTC"}
    assert chosen.resolve(wanted, settings()).params() == wanted


@given(st.dictionaries(st.sampled_from(["bot", "window", "comparison", "side", "zone"]), st.text()))
def test_any_text_in_the_address_gives_a_valid_selection(wanted: dict[str, str]) -> None:
    found = chosen.resolve(wanted, settings())
    assert found.bot in ("btc", "eth")
    assert found.window in chosen.WINDOWS or chosen.custom_days(found.window)
    assert found.side in (None, *SIDES)
    assert chosen.resolve(found.params(), settings()) == found


def test_a_window_ends_with_the_newest_candle_that_it_includes() -> None:
    found = chosen.bounds("24h", LAST, BAR)
    assert found.until == LAST + BAR
    assert found.from_ == LAST + BAR - timedelta(hours=24)


def test_custom_days_are_whole_utc_days() -> None:
    found = chosen.bounds("2025-11-03..2025-11-04", LAST, BAR)
    assert found.from_ == datetime(2025, 11, 3, tzinfo=UTC)
    assert found.until == datetime(2025, 11, 5, tzinfo=UTC)
    assert chosen.custom_days("2025-11-04..2025-11-03") is None
    assert chosen.custom_days("2025-13-01..2025-13-02") is None


def test_everything_has_no_bounds() -> None:
    assert chosen.bounds("all", LAST, BAR) == chosen.Bounds(None, None)


def test_a_link_carries_the_selection_and_reads_back() -> None:
    params = chosen.resolve({}, settings()).params(open=open_param(LAST))
    link = href("candle", params)
    assert link.startswith("./candle?bot=btc&")
    assert "open=2025-11-06T23%3A50%3A00Z" in link
    assert parse_open(open_param(LAST)) == LAST
    assert href("today", {"bot": "x"}) == "./?bot=x"


def test_an_open_without_a_zone_is_no_candle() -> None:
    assert parse_open("2025-11-06T23:50:00") is None
    assert parse_open("yesterday") is None
    assert parse_open(None) is None
