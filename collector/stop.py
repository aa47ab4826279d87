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
    """Counts an engine's open transactions, and refuses new ones once a stop is asked for."""

    def __init__(self) -> None:
        self.is_requested = False  # a plain flag: a signal handler must not take a lock
        self._open = 0
        self._lock = threading.Lock()

    def watch(self, engine: sa.Engine) -> None:
        """Refuse new transactions of this engine after a stop was asked for."""
        event.listen(engine, "begin", self._begin, insert=True)
        event.listen(engine, "commit", self._end)
        event.listen(engine, "rollback", self._end)

    def install(self, *, interrupts: bool) -> None:
        """Handle SIGTERM and SIGINT (main thread only).

        With `interrupts` the signal raises Stopped in the main thread at once where
        no transaction is open: for work that the main thread itself does.
        """

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.is_requested = True
            if interrupts and self.is_idle:
                raise Stopped

        for number in SIGNALS:
            signal.signal(number, handle)

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open."""
        return self._open == 0

    def _begin(self, _connection: sa.Connection) -> None:
        if self.is_requested:
            raise Stopped
        with self._lock:
            self._open += 1

    def _end(self, _connection: sa.Connection) -> None:
        with self._lock:
            self._open = max(0, self._open - 1)
