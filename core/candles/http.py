"""GET of JSON that ends in time: timeouts, retries with backoff, Retry-After, a rate limit."""

import email.utils
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.errors import CandleError
from core.foreign_text import cut_short
from core.number_text import number

_CONNECT_S = 5.0
_READ_S = 10.0
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 8.0
_LONGEST_WAIT_S = 86_400.0  # a server that asks for more is asked again after a day
_MAX_BYTES = 32 * 1024 * 1024
_RETRIED = {408, 425, 429}


class AskedToWait(CandleError):
    """The server is not to be asked again for so many seconds."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Answer:
    """Parsed JSON and the server's own time, where it said it."""

    content: Any
    server_time: datetime | None


@dataclass
class JsonClient:
    """One server within one deadline; calls are at least `interval_s` apart.

    monotonic and sleep are the clock; a test may put its own in their place.
    """

    base_url: str
    deadline: float
    interval_s: float = 0.25
    attempts: int = 6
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next_call: float = field(default=0.0, init=False)

    def get(self, path: str, parameters: Mapping[str, str | int]) -> Answer:
        """The answer; raises CandleError that says what the last attempt met.

        Tries again after a lost connection, a timeout, 429 and 5xx, never
        beyond the deadline. Another status is final. Raises AskedToWait where the
        server asks for a pause beyond the deadline.
        """
        problem = "no time was left to ask"
        for attempt in range(self.attempts):
            if not self._wait_for_turn():
                break
            outcome = self._attempt(path, parameters)
            if isinstance(outcome, Answer):
                return outcome
            problem, asked_s = outcome
            if asked_s is not None and self.monotonic() + asked_s >= self.deadline:
                raise AskedToWait(f"{self.base_url}{path}: {problem}", asked_s)
            if attempt + 1 == self.attempts or not self._pause(attempt, asked_s):
                break
        raise CandleError(f"{self.base_url}{path}: {problem}")

    def _attempt(
        self, path: str, parameters: Mapping[str, str | int]
    ) -> Answer | tuple[str, float | None]:
        """One call: the answer, or what went wrong and how long the server asks to wait."""
        import requests
        import urllib3

        rest = max(0.1, self.deadline - self.monotonic())
        limits = min(_CONNECT_S, rest), min(_READ_S, rest)
        try:
            with requests.get(
                self.base_url + path, params=parameters, timeout=limits, stream=True
            ) as response:
                body = self._read(response)
                status, headers = response.status_code, response.headers
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            return f"{type(error).__name__}: {cut_short(str(error))}", None
        except TimeoutError as error:
            return str(error), None
        if status in _RETRIED or status >= 500:
            return f"status {status}", _retry_after(headers.get("Retry-After"))
        if status != 200:
            said = cut_short(body.decode(errors="replace"))
            raise CandleError(
                f"{self.base_url}{path}: status {status}: {said}; "
                "check fetch, exchange and symbol of this bot"
            )
        try:
            return Answer(json.loads(body), _server_time(headers.get("Date")))
        except (ValueError, RecursionError):
            return f"the answer is no JSON: {cut_short(body.decode(errors='replace'))}", None

    def _read(self, response: Any) -> bytes:
        """The body, within the limit of one read: a server that drips bytes is cut off."""
        end = min(self.deadline, self.monotonic() + _READ_S)
        body = bytearray()
        # read1 gives what is there; iter_content would wait until a whole chunk is.
        while chunk := response.raw.read1(65536, decode_content=True):
            body += chunk
            if self.monotonic() > end:
                raise TimeoutError(f"the answer did not end within {_READ_S:g} s")
            if len(body) > _MAX_BYTES:
                raise TimeoutError(f"the answer is longer than {_MAX_BYTES} bytes")
        return bytes(body)

    def _wait_for_turn(self) -> bool:
        now = self.monotonic()
        wait = self._next_call - now
        if max(now, self._next_call) >= self.deadline:
            return False
        if wait > 0:
            self.sleep(wait)
        self._next_call = self.monotonic() + self.interval_s
        return True

    def _pause(self, attempt: int, asked_s: float | None) -> bool:
        """Wait before the next attempt; False when that would end after the deadline."""
        backoff_s = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0**attempt)
        pause_s = backoff_s if asked_s is None else asked_s
        if self.monotonic() + pause_s >= self.deadline:
            return False
        self.sleep(pause_s)
        return True


def _retry_after(text: str | None) -> float | None:
    """Seconds (≥ 0) that the server asks to wait, given as a number or as a date."""
    try:
        wait_s = number(text or "")
    except ValueError:
        moment = _server_time(text)
        if moment is None:
            return None
        wait_s = (moment - datetime.now(UTC)).total_seconds()
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S) if math.isfinite(wait_s) else None


def _server_time(text: str | None) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
