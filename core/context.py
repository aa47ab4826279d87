"""What every step of a cycle gets: where it stores, the bot, the moment and the run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from core.settings import BotSettings

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One step of one bot's cycle.

    now: the moment (UTC) that the step counts as its present, one for all that it does.
    run_id: the run that the rows it writes belong to, None outside a recorded run.
    progress: called with a file's path, the bytes read and the bytes in it.
    """

    engine: sa.Engine
    bot_id: int
    bot: BotSettings
    now: datetime
    run_id: int | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.now.utcoffset() != timedelta(0):
            raise ValueError(f"now must be UTC, got {self.now!r}")
