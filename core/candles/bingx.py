"""Public candles of BingX perpetual futures."""

import os
from dataclasses import dataclass
from typing import Any

from core.candles.exchange import Klines, read_klines
from core.candles.http import JsonClient
from core.errors import CandleError
from core.foreign_text import cut_short
from core.times import Timeframe

PATH = "/openApi/swap/v3/quote/klines"
URL = "https://open-api.bingx.com"
LIMIT = 1440
_INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d")
_FIELDS = ("time", "open", "high", "low", "close", "volume")


def base_url() -> str:
    """Where BingX is: its public address, or ALIGN_BINGX_URL (a mirror, a test)."""
    return os.environ.get("ALIGN_BINGX_URL") or URL


@dataclass
class BingX:
    """One market of BingX. Answers come newest first, the newest one still open."""

    client: JsonClient
    symbol: str
    timeframe: Timeframe
    name: str = "bingx"
    limit: int = LIMIT

    def __post_init__(self) -> None:
        if self.timeframe.text not in _INTERVALS:
            raise CandleError(
                f"bingx has no {self.timeframe.text} candles (it has {', '.join(_INTERVALS)}); "
                "use files"
            )

    def klines(self, first_us: int, last_us: int) -> Klines:
        count = (last_us - first_us) // self.timeframe.length_us + 1
        answer = self.client.get(
            PATH,
            {
                "symbol": self.symbol,
                "interval": self.timeframe.text,
                "startTime": first_us // 1000,
                # Inside the last candle, so that it is in whether the end is inclusive or not.
                "endTime": (last_us + self.timeframe.length_us) // 1000 - 1,
                "limit": count,
            },
        )
        return read_klines(self.name, _rows(answer.content), _FIELDS, answer.server_time)


def bingx_symbol(symbol: str) -> str:
    """BTC/USDT:USDT → BTC-USDT, as BingX writes its perpetuals."""
    return symbol.split(":")[0].replace("/", "-").upper()


def _rows(content: Any) -> list[Any]:
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        said = content.get("msg") if isinstance(content, dict) else None
        raise CandleError(f"bingx: no candles in the answer: {cut_short(str(said or content))}")
    if content.get("code") != 0:
        raise CandleError(
            f"bingx: error {cut_short(str(content.get('code')), 40)}: "
            f"{cut_short(str(content.get('msg')))}; check symbol and timeframe"
        )
    return list(content["data"])
