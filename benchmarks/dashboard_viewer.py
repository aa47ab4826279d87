"""A reader without a browser: speaks Streamlit's own protocol and times what the server does."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlencode

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Origin, Subprotocol


@dataclass(frozen=True)
class Drawing:
    """One drawing of a view: seconds until the server was done, bytes sent, errors shown."""

    seconds: float
    received: int
    errors: int


class Viewer:
    """One session with the server."""

    def __init__(self, address: str) -> None:
        self._url = address.replace("http", "ws", 1) + "/_stcore/stream"
        self._address = address

    async def __aenter__(self) -> "Viewer":
        self._socket = await websockets.connect(
            self._url,
            max_size=None,
            origin=Origin(self._address),
            subprotocols=[Subprotocol("streamlit")],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def draw(self, view: str, params: dict[str, str]) -> Drawing:
        """Ask for a view and wait until its script has ended."""
        message = BackMsg()
        message.rerun_script.page_name = view
        message.rerun_script.query_string = urlencode(params)
        started = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        received = errors = 0
        while True:
            raw = await asyncio.wait_for(self._socket.recv(), timeout=120)
            received += len(raw)
            answer = ForwardMsg.FromString(raw)
            if answer.delta.new_element.WhichOneof("type") == "exception":
                errors += 1
            if answer.WhichOneof("type") == "script_finished":
                return Drawing(time.perf_counter() - started, received, errors)
