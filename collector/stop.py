"""Stopping between transactions: a signal never cuts one short."""

import logging
import signal
import threading
from types import FrameType

import sqlalchemy as sa
from sqlalchemy import event

_LOG = logging.getLogger(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """The process was asked to end; no `except Exception` may hold it up."""


class Stop:
    """Counts open transactions of an engine, and refuses new ones once a stop is asked for."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self._open = 0
        self._lock = threading.Lock()

    def watch(self, engine: sa.Engine) -> None:
        """Refuse new transactions of this engine after a stop was asked for."""
        event.listen(engine, "begin", self._begin, insert=True)
        event.listen(engine, "commit", self._end)
        event.listen(engine, "rollback", self._end)

    def install(self) -> None:
        """Handle SIGTERM and SIGINT; in the main thread only."""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open."""
        return self._open == 0

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        _LOG.info("%s received: stopping after the open transaction", signal.Signals(number).name)
        self.requested.set()
        if self.is_idle:
            raise Stopped

    def _begin(self, _connection: sa.Connection) -> None:
        with self._lock:
            if self.requested.is_set():
                raise Stopped
            self._open += 1

    def _end(self, _connection: sa.Connection) -> None:
        with self._lock:
            self._open = max(0, self._open - 1)
