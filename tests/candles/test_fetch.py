"""Fetching against a local server that behaves as exchanges do, faults included."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from pandas.testing import assert_frame_equal

from core.candles.ingest import CandleReport, ingest_candles
from core.candles.reads import candle_sources, read_candles, read_revisions
from core.context import Context
from core.settings import BotSettings
from tests.candles import exchange_server as server
from tests.candles.exchange_server import FakeExchange, serve
from tests.candles.factories import FIRST, make_candles

pytestmark = pytest.mark.slow

BARS = 300


def bot(days: int = 1, **changes: Any) -> BotSettings:
    """Without a production side, the last `days` are wanted."""
    return BotSettings.model_validate(
        {
            "name": "btc",
            "symbol": "BTC/USDT:USDT",
            "target_days": days,
            "candles": [{"name": "bingx", "fetch": "bingx"}],
            **changes,
        }
    )


def at(bars: float) -> datetime:
    """The time when so many candles of the server have closed, and 20 s."""
    moment: datetime = (FIRST + pd.Timedelta(minutes=5 * bars, seconds=20)).to_pydatetime()
    return moment


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    with serve(FakeExchange(make_candles(BARS))) as running:
        monkeypatch.setenv("ALIGN_BINGX_URL", running.url)
        yield running


def fetch(engine: sa.Engine, now: datetime, limit_s: float = 30.0, days: int = 1) -> CandleReport:
    return ingest_candles(
        Context(engine=engine, bot_id=1, bot=bot(days), now=now), fetch_limit_s=limit_s
    )


def stored(engine: sa.Engine) -> pd.DataFrame:
    with engine.connect() as conn:
        return read_candles(conn, 1, "bingx")


def state(engine: sa.Engine) -> dict[str, Any]:
    with engine.connect() as conn:
        record: dict[str, Any] = candle_sources(conn, 1)["bingx"]["exchange"]
    return record


def test_the_open_candle_is_never_stored(engine: sa.Engine, exchange: FakeExchange) -> None:
    report = fetch(engine, at(299))
    assert report.problems == ()
    assert_frame_equal(stored(engine), exchange.candles.iloc[11:299].reset_index(drop=True))


def test_windows_are_explicit_and_no_longer_than_a_call_returns(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    exchange.candles = make_candles(4000)
    report = fetch(engine, at(4000), days=13)
    assert (report.new, report.sources[0].lacking) == (13 * 288, 0)
    assert_frame_equal(stored(engine), exchange.candles.tail(13 * 288).reset_index(drop=True))
    asked = [
        (int(call["endTime"]) + 1 - int(call["startTime"])) / 300_000 for call in exchange.calls
    ]
    assert asked == [1440, 1440, 864]
    assert [int(call["limit"]) for call in exchange.calls] == asked
    assert {call["symbol"] for call in exchange.calls} == {"BTC-USDT"}


def test_only_what_lacks_is_asked_for(engine: sa.Engine, exchange: FakeExchange) -> None:
    fetch(engine, at(299))
    exchange.calls.clear()
    assert fetch(engine, at(299)).new == 0
    assert exchange.calls == []
    assert fetch(engine, at(300)).new == 1
    assert [int(call["limit"]) for call in exchange.calls] == [4]  # and three read again


def test_short_pages_are_asked_for_again(engine: sa.Engine, exchange: FakeExchange) -> None:
    exchange.page = 50
    assert fetch(engine, at(300)).new == 288
    assert_frame_equal(stored(engine), exchange.candles.tail(288).reset_index(drop=True))


def test_duplicates_are_one_candle(engine: sa.Engine, exchange: FakeExchange) -> None:
    exchange.twice = True
    fetch(engine, at(300))
    assert len(stored(engine)) == 288
    with engine.connect() as conn:
        assert read_revisions(conn, 1, "bingx").empty


def test_hole_of_the_exchange_is_known_and_asked_for_again_a_day_later(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    whole = exchange.candles
    exchange.candles = whole.drop(index=[100, 101, 200])
    assert fetch(engine, at(300)).new == 285
    assert state(engine)["lacking"] == 3
    exchange.calls.clear()
    fetch(engine, at(300))
    assert exchange.calls == []
    exchange.candles = whole
    assert fetch(engine, at(300) + timedelta(days=1), days=2).new == 3


def test_late_newest_candle_is_asked_for_in_the_next_cycle(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    whole = exchange.candles
    exchange.candles = whole.head(299)
    assert fetch(engine, at(300)).sources[0].lacking == 1
    exchange.candles = whole
    assert fetch(engine, at(300)).new == 1


def test_corrected_candle_is_current_and_both_versions_stay(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    fetch(engine, at(299))
    exchange.candles.loc[298, "close"] = 398.25
    report = fetch(engine, at(300))
    assert (report.new, report.changed) == (1, 1)
    assert stored(engine)["close"].iloc[-2] == 398.25
    with engine.connect() as conn:
        assert read_revisions(conn, 1, "bingx")["close"].tolist() == [398.5, 398.25]


@pytest.mark.parametrize(
    "fault",
    [
        server.status(429, Retry_After="0.1"),
        server.status(500),
        server.status(503, Retry_After="Mon, 03 Nov 2025 00:00:00 GMT"),
        server.lose_connection,
        server.body("<html>maintenance</html>"),
    ],
)
def test_passing_fault_is_tried_again(
    engine: sa.Engine, exchange: FakeExchange, fault: Any
) -> None:
    exchange.faults = [fault]
    report = fetch(engine, at(300))
    assert (report.new, report.problems) == (288, ())
    assert len(exchange.calls) == 2


def test_retry_after_is_honoured(engine: sa.Engine, exchange: FakeExchange) -> None:
    exchange.faults = [server.status(429, Retry_After="1.5")]
    begin = time.monotonic()
    assert fetch(engine, at(300)).new == 288
    assert time.monotonic() - begin >= 1.5


def test_wait_that_would_end_too_late_is_not_begun(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    exchange.faults = [server.status(429, Retry_After="3600")]
    begin = time.monotonic()
    report = fetch(engine, at(300), limit_s=5)
    assert "status 429" in report.problems[0]
    assert time.monotonic() - begin < 5


def test_a_long_wait_is_remembered_over_cycles(engine: sa.Engine, exchange: FakeExchange) -> None:
    exchange.faults = [server.status(429, Retry_After="3600")]
    fetch(engine, at(288))
    exchange.calls.clear()
    report = fetch(engine, at(299))
    assert exchange.calls == []
    assert "not asked before 2025-11-04T01:00:20Z, as the server wishes" in report.problems[0]
    assert fetch(engine, at(300)).problems == ()
    assert len(stored(engine)) == 288


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-5", "1e999", "soon", ""])
def test_a_wait_that_is_no_time_is_the_usual_pause(
    engine: sa.Engine, exchange: FakeExchange, text: str
) -> None:
    exchange.faults = [server.status(429, Retry_After=text)]
    assert fetch(engine, at(300)).new == 288


@pytest.mark.parametrize(
    "bad",
    [
        {"time": 10**30},
        {"time": -(10**17)},
        {"time": "soon"},
        {"close": "0x10"},
        {"close": "1_0"},
        {"close": 10**400},
        {"volume": None},
    ],
)
def test_one_absurd_candle_costs_itself(
    engine: sa.Engine, exchange: FakeExchange, bad: dict[str, Any]
) -> None:
    answers = exchange.answer

    def one_bad(query: dict[str, str]) -> dict[str, Any]:
        answer = answers(query)
        answer["data"][5:6] = [{**answer["data"][5], **bad}]
        return answer

    exchange.answer = one_bad  # type: ignore[method-assign]  # for this test alone
    report = fetch(engine, at(300))
    assert report.new == 287
    assert "a candle is not as documented" in report.problems[0]


def test_json_without_a_floor_is_no_answer(engine: sa.Engine, exchange: FakeExchange) -> None:
    exchange.faults = [server.body("[" * 200_000)] * 6
    assert "the answer is no JSON" in fetch(engine, at(300)).problems[0]


@pytest.mark.parametrize("fault", [server.hang(8), server.drip(8)])
def test_exchange_that_hangs_does_not_stall_the_cycle(
    engine: sa.Engine, exchange: FakeExchange, fault: Any
) -> None:
    exchange.faults = [fault] * 10
    begin = time.monotonic()
    report = fetch(engine, at(300), limit_s=1)
    assert time.monotonic() - begin < 8  # not one of them was sat out
    assert "bingx down since 2025-11-04T01:00:20Z" in report.problems[0]
    assert report.sources[0].lacking == 288


def test_down_exchange_gets_one_attempt_a_cycle_until_it_answers(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    exchange.faults = [server.status(502)] * 3
    fetch(engine, at(299), limit_s=0.9)
    exchange.faults = [server.status(502)] * 3
    exchange.calls.clear()
    fetch(engine, at(300))
    assert len(exchange.calls) == 1
    assert state(engine)["since"] == "2025-11-04T00:55:20Z"
    exchange.faults = []
    assert fetch(engine, at(300)).problems == ()
    assert (state(engine)["problem"], state(engine)["since"]) == (None, None)
    assert len(stored(engine)) == 288


def test_what_came_before_the_fault_is_kept(engine: sa.Engine, exchange: FakeExchange) -> None:
    exchange.candles = make_candles(4000)
    answers = exchange.answer

    def first_only(query: dict[str, str]) -> dict[str, Any]:
        exchange.faults = [server.status(500)] * 20
        return answers(query)

    exchange.answer = first_only  # type: ignore[method-assign]  # for this test alone
    report = fetch(engine, at(4000), limit_s=2, days=13)
    assert (report.new, report.sources[0].lacking) == (1440, 12 * 288 + 288 - 1440)
    assert stored(engine)["candle_open"].iloc[-1] == exchange.candles["candle_open"].iloc[-1]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (server.status(404), "status 404"),
        (server.body('{"code": 109425, "msg": "no such symbol", "data": []}'), "no such symbol"),
        (server.body('{"code": 0, "data": [{"time": 1}]}'), "not as documented"),
        (server.body('{"code": 0, "data": null, "msg": "busy"}'), "busy"),
    ],
)
def test_lasting_fault_is_said_and_not_tried_again(
    engine: sa.Engine, exchange: FakeExchange, fault: Any, sentence: str
) -> None:
    exchange.faults = [fault]
    report = fetch(engine, at(300))
    assert sentence in report.problems[0]
    assert len(exchange.calls) == 1
    assert stored(engine).empty


def test_a_long_error_of_the_exchange_is_cut_and_made_storable(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    exchange.faults = [
        server.body('{"code": 1, "msg": "\\ud800\\u0000' + "x" * 100_000 + '", "data": []}')
    ]
    (problem,) = fetch(engine, at(300)).problems
    assert "error 1: \\ud800␀xxx" in problem
    assert problem.endswith("x…; check symbol and timeframe")
    assert len(problem) < 1_000
    assert len(str(state(engine))) < 2_000


def test_candles_of_another_time_are_not_taken(engine: sa.Engine, exchange: FakeExchange) -> None:
    exchange.ignores_window = True
    report = fetch(engine, at(900))
    assert "candles of another time" in report.problems[0]
    assert stored(engine).empty


def test_broken_candle_is_left_out_with_its_numbers(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    exchange.candles.loc[150, "high"] = 1.0
    report = fetch(engine, at(300))
    assert report.new == 287
    assert "candle 2025-11-03T12:30:00Z is no candle" in report.problems[0]


def test_clock_that_runs_ahead_stores_no_open_candle(
    engine: sa.Engine, exchange: FakeExchange
) -> None:
    opens = pd.date_range(
        pd.Timestamp.now("UTC").floor("5min") - pd.Timedelta(minutes=50), periods=11, freq="5min"
    )
    exchange.candles = make_candles(11).assign(candle_open=opens.as_unit("us"))
    ahead = opens[-1].to_pydatetime() + timedelta(minutes=5, seconds=5)
    fetch(engine, ahead)
    assert len(stored(engine)) == 10


def test_bot_without_symbol_is_told_so(engine: sa.Engine) -> None:
    report = ingest_candles(Context(engine=engine, bot_id=1, bot=bot(symbol=None), now=at(300)))
    assert "add symbol" in report.problems[0]
