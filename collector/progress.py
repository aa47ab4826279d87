"""How far a long step is: a bar where a person watches, log lines otherwise."""

import logging
import sys
import time
from collections.abc import Callable

from tqdm import tqdm

_LOG = logging.getLogger(__name__)
_LOG_EVERY_S = 10.0
_SHOW_AFTER_S = 1.0


class ProgressBar:
    """A bar on stderr for one file at a time; short ones never show."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bar is None or what != self._what:
            self.close()
            self._what = what
            self._bar = tqdm(
                total=total, desc=what, unit="B", unit_scale=True, leave=False, delay=_SHOW_AFTER_S
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class ProgressLines:
    """A log line every ten seconds of one long step; none for short ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._what = ""
        self._said_at = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = self._clock()
        if what != self._what:
            self._what, self._said_at = what, now
        elif now - self._said_at >= _LOG_EVERY_S and total:
            self._said_at = now
            _LOG.info("%s: %d %%", what, round(100 * done / total))


def watcher() -> ProgressBar | ProgressLines:
    """What suits this process's stderr."""
    return ProgressBar() if sys.stderr.isatty() else ProgressLines()
