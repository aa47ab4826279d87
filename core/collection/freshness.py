"""Would the screen still be true if the bot or the collector had stopped an hour ago?"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.collection.completeness import silent_bars
from core.times import Timeframe

# A bot that missed this many closed candles is silent, a collector without a run for
# as many candles has stopped; neither is ever shown as healthy.
STALE_BARS = 2


class FreshnessState(StrEnum):
    FRESH = "fresh"
    BOT_SILENT = "bot_silent"
    COLLECTOR_STOPPED = "collector_stopped"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old what is shown is. `silent_bars`: closed candles after the last logged one."""

    state: FreshnessState
    last_candle: datetime | None
    last_run: datetime | None
    silent_bars: int | None

    @property
    def is_stale(self) -> bool:
        return self.state is not FreshnessState.FRESH


def judge_freshness(
    *,
    now: datetime,
    last_candle: datetime | None,
    last_run: datetime | None,
    timeframe: Timeframe,
) -> Freshness:
    """What can be said about the age of the data; all times UTC.

    A stopped collector comes before a silent bot: without it nobody knows whether
    the bot is silent.
    """
    silent = None if last_candle is None else silent_bars(last_candle, timeframe, now=now)
    if last_run is None or last_candle is None:
        state = FreshnessState.NEVER
    elif now - last_run > STALE_BARS * timeframe.length:
        state = FreshnessState.COLLECTOR_STOPPED
    elif silent is not None and silent >= STALE_BARS:
        state = FreshnessState.BOT_SILENT
    else:
        state = FreshnessState.FRESH
    return Freshness(state=state, last_candle=last_candle, last_run=last_run, silent_bars=silent)
