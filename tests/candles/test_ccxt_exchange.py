"""The adapter against a module that answers as ccxt does."""

import sys
import time
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import sqlalchemy as sa

from core.candles.ccxt_exchange import open_ccxt
from core.candles.ingest import ingest_candles
from core.candles.reads import read_candles
from core.context import Context
from core.errors import CandleError
from core.times import Timeframe, us_from_index
from tests.candles.factories import make_candles
from tests.candles.test_fetch import at, bot

CANDLES = make_candles(300)


class BaseError(Exception):
    """ccxt.BaseError"""


class NetworkError(BaseError):
    """ccxt.NetworkError"""


class Market:
    """fetch_ohlcv of an exchange that returns at most 100 candles from `since` on."""

    faults: ClassVar[list[Exception]] = []
    calls: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    def fetch_ohlcv(self, symbol: str, timeframe: str, *, since: int, limit: int) -> list[Any]:
        Market.calls.append({"symbol": symbol, "since": since, "limit": limit})
        if Market.faults:
            raise Market.faults.pop(0)
        opens = us_from_index(CANDLES["candle_open"]) // 1000
        rows = CANDLES[opens >= since].head(min(limit, 100))
        times = us_from_index(rows["candle_open"]) // 1000
        return [
            [int(at_ms), *numbers]
            for at_ms, numbers in zip(times, rows.iloc[:, 1:].to_numpy().tolist(), strict=True)
        ]


@pytest.fixture(autouse=True)
def ccxt(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(
        exchanges=["binance"], binance=Market, NetworkError=NetworkError, BaseError=BaseError
    )
    monkeypatch.setitem(sys.modules, "ccxt", module)
    monkeypatch.setattr(Market, "faults", [])
    monkeypatch.setattr(Market, "calls", [])


def source(name: str = "ccxt:binance") -> Any:
    return bot(candles=[{"name": "other", "fetch": name}])


def context_of(engine: sa.Engine) -> Context:
    return Context(engine=engine, bot_id=1, bot=source(), now=at(300))


def test_candles_come_through_pages_shorter_than_asked(engine: sa.Engine) -> None:
    report = ingest_candles(context_of(engine))
    assert (report.new, report.problems) == (288, ())
    with engine.connect() as conn:
        stored = read_candles(conn, 1, "other")
    assert np.array_equal(stored["close"], CANDLES["close"].tail(288))
    assert {call["symbol"] for call in Market.calls} == {"BTC/USDT:USDT"}


def test_network_error_is_tried_again(engine: sa.Engine) -> None:
    Market.faults.append(NetworkError("timed out"))
    assert ingest_candles(context_of(engine)).new == 288


def test_wrong_symbol_is_a_problem_at_once(engine: sa.Engine) -> None:
    Market.faults.append(BaseError("no market symbol"))
    report = ingest_candles(context_of(engine))
    assert "no market symbol; check exchange and symbol" in report.problems[0]
    assert len(Market.calls) == 1


def test_down_network_ends_in_time(engine: sa.Engine) -> None:
    Market.faults.extend(NetworkError("down") for _ in range(99))
    begin = time.monotonic()
    report = ingest_candles(context_of(engine), fetch_limit_s=1)
    assert time.monotonic() - begin < 10
    assert "ccxt:binance down since" in report.problems[0]


def test_unknown_exchange_is_named() -> None:
    with pytest.raises(CandleError, match='no exchange "nowhere"'):
        open_ccxt("nowhere", "BTC/USDT", Timeframe.parse("5m"), time.monotonic())


def test_absent_package_names_its_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(CandleError, match=r"pip install -r requirements-exchanges\.txt"):
        open_ccxt("binance", "BTC/USDT", Timeframe.parse("5m"), time.monotonic())
