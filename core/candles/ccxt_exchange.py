"""Candles of any exchange that the optional package ccxt knows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.candles.exchange import Klines, read_klines
from core.errors import CandleError
from core.foreign_text import cut_short
from core.times import Timeframe

_TIMEOUT_MS = 10_000
_ATTEMPTS = 4
_FIRST_BACKOFF_S = 0.5


@dataclass
class CcxtExchange:
    """One market through ccxt's fetch_ohlcv, with explicit windows (its pagination is not used).

    ccxt's own pagination returned 1,440 of 4,000 candles without an error
    against a server that answers newest first.
    """

    market: Any
    symbol: str
    timeframe: Timeframe
    deadline: float
    name: str
    network_error: type[Exception]
    any_error: type[Exception]
    limit: int = 1000
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def klines(self, first_us: int, last_us: int) -> Klines:
        count = (last_us - first_us) // self.timeframe.length_us + 1
        return read_klines(self.name, self._ask(first_us // 1000, count), range(6))

    def _ask(self, since_ms: int, count: int) -> list[Any]:
        for attempt in range(_ATTEMPTS):
            pause_s = _FIRST_BACKOFF_S * 2.0**attempt
            try:
                answer = self.market.fetch_ohlcv(
                    self.symbol, self.timeframe.text, since=since_ms, limit=count
                )
                return list(answer)
            except self.network_error as error:
                is_last = attempt + 1 == _ATTEMPTS
                if is_last or self.monotonic() + pause_s >= self.deadline:
                    raise CandleError(
                        f"{self.name}: {type(error).__name__}: {cut_short(str(error))}"
                    ) from error
            except self.any_error as error:
                raise CandleError(
                    f"{self.name}: {type(error).__name__}: {cut_short(str(error))}; "
                    "check exchange and symbol"
                ) from error
            self.sleep(pause_s)
        raise CandleError(f"{self.name}: no answer")


def open_ccxt(exchange_id: str, symbol: str, timeframe: Timeframe, deadline: float) -> CcxtExchange:
    """The exchange of this ccxt id; raises CandleError without the package or the exchange."""
    try:
        import ccxt
    except ImportError as error:
        raise CandleError(
            f'fetch = "ccxt:{exchange_id}" needs the optional package: '
            "pip install -r requirements-exchanges.txt"
        ) from error
    if exchange_id not in ccxt.exchanges:
        raise CandleError(f'ccxt knows no exchange "{exchange_id}"; correct fetch')
    market = getattr(ccxt, exchange_id)({"enableRateLimit": True, "timeout": _TIMEOUT_MS})
    return CcxtExchange(
        market=market,
        symbol=symbol,
        timeframe=timeframe,
        deadline=deadline,
        name=f"ccxt:{exchange_id}",
        network_error=ccxt.NetworkError,
        any_error=ccxt.BaseError,
    )
