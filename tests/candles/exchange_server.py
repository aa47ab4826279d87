"""A local server that answers klines as BingX does, with the faults that exchanges have."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from core.times import us_from_index

PATH = "/openApi/swap/v3/quote/klines"


@dataclass
class FakeExchange:
    """What the server knows and how it behaves; `calls` holds the parameters of every call.

    page: the most candles an answer holds. twice: every candle stands twice.
    faults: what the next calls meet instead of an answer, in order.
    """

    candles: pd.DataFrame
    page: int = 1440
    twice: bool = False
    ignores_window: bool = False
    faults: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        """Newest first, of the asked window the newest `limit`, as decimal strings."""
        opens_ms = us_from_index(self.candles["candle_open"]) // 1000
        chosen = (opens_ms >= int(query["startTime"])) & (opens_ms <= int(query["endTime"]))
        rows = self.candles if self.ignores_window else self.candles[chosen]
        rows = rows.tail(min(self.page, int(query["limit"]))).iloc[::-1]
        entries = [
            {
                **{name: str(getattr(row, name)) for name in ("open", "high", "low", "close")},
                "volume": str(row.volume),
                "time": int(pd.Timestamp(str(row.candle_open)).timestamp() * 1000),
            }
            for row in rows.itertuples()
        ]
        return {"code": 0, "msg": "", "data": entries * (2 if self.twice else 1)}


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer with this status and nothing in it."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return fault


def body(text: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer with status 200 and this body."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        _send(handler, text.encode())

    return fault


def hang(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """No answer for so long, then the connection ends."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return fault


def drip(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that comes a byte at a time, so that no single read takes long."""

    def fault(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                handler.wfile.write(b" " * 100)
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:
            return  # the client has given up, as it should

    return fault


def lose_connection(handler: BaseHTTPRequestHandler) -> None:
    """The connection ends in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"code": 0, "da')
    handler.close_connection = True


@contextmanager
def serve(exchange: FakeExchange) -> Iterator[FakeExchange]:
    """Run the server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            exchange.calls.append(query)
            if exchange.faults:
                exchange.faults.pop(0)(self)
            elif parts.path == PATH:
                _send(self, json.dumps(exchange.answer(query)).encode())
            else:
                status(404)(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    exchange.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield exchange
    finally:
        server.shutdown()
        server.server_close()


def _send(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
