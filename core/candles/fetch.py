"""One cycle of fetching for one source: what lacks, in the time there is, and how it went."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from core.candles.bingx import BingX, base_url, bingx_symbol
from core.candles.ccxt_exchange import open_ccxt
from core.candles.exchange import Exchange, Fetched, Run, fetch_runs, join_runs, missing_runs
from core.candles.http import AskedToWait, JsonClient
from core.candles.reads import stored_opens
from core.candles.writes import StoredPull, store_candles, write_source_state
from core.context import Context
from core.errors import CandleError
from core.settings import BotSettings, CandleSourceSettings, Mode
from core.signals.reads import first_production_open
from core.storage.engine import snapshot
from core.times import DAY_US, Timeframe, from_us, iso_z, to_us

# All calls of one source in one cycle together; a source that was down before gets one attempt.
FETCH_LIMIT_S = 30.0
_DOWN_LIMIT_S = 5.0
# A hole that the exchange confirmed is asked for again after a day; never for the newest bars,
# which an exchange may publish late.
_ASK_AGAIN = timedelta(days=1)
_FRESH_BARS = 12
# The newest stored candles are read again with each fetch, since exchanges correct them.
_OVERLAP_BARS = 3

OpenExchange = Callable[[CandleSourceSettings, BotSettings, float, int], Exchange]


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What fetching gave; problems are sentences. lacking: candles that are still to come."""

    stored: StoredPull
    lacking: int
    problems: tuple[str, ...]


def open_exchange(
    source: CandleSourceSettings, bot: BotSettings, deadline: float, attempts: int
) -> Exchange:
    """The exchange that `fetch` names; raises CandleError when it cannot be asked."""
    if bot.symbol is None:
        raise CandleError(f'bot "{bot.name}" has no symbol to fetch; add symbol = "BTC/USDT:USDT"')
    if source.fetch == "bingx":
        client = JsonClient(base_url(), deadline, attempts=attempts)
        return BingX(client, bingx_symbol(bot.symbol), bot.frame)
    exchange_id = (source.fetch or "").removeprefix("ccxt:")
    return open_ccxt(exchange_id, bot.symbol, bot.frame, deadline)


def fetch_source(
    context: Context,
    source: CandleSourceSettings,
    source_id: int,
    state: dict[str, Any],
    *,
    opener: OpenExchange = open_exchange,
    limit_s: float = FETCH_LIMIT_S,
) -> FetchReport:
    """Fetch what lacks, newest first, each window stored at once; ends within about limit_s.

    A source that does not answer keeps its problem and since when in its
    state, and gets one short attempt a cycle until it answers again.
    """
    bot, now = context.bot, context.now
    record: dict[str, Any] = state.setdefault("exchange", {})
    asked_to_wait = _asked_to_wait(record, now)
    if asked_to_wait is not None:
        return FetchReport(StoredPull(), record.get("lacking", 0), (asked_to_wait,))
    was_down = record.get("problem") is not None
    deadline = time.monotonic() + (_DOWN_LIMIT_S if was_down else limit_s)
    with snapshot(context.engine) as conn:
        wanted = wanted_span(conn, context, source.name)
        stored = stored_opens(conn, source_id)
    runs, lacking = _runs(wanted, stored, bot.frame, record, now)
    total, arrived = StoredPull(), 0
    problems: list[str] = []
    try:
        if runs:
            exchange = opener(source, bot, deadline, 1 if was_down else 6)
            for fetched in fetch_runs(exchange, runs, bot.frame, now):
                _note_absent(record, fetched, bot.frame, now)
                record.update(problem=None, since=None, last_answer=iso_z(now))
                new = _store(context, source_id, state, fetched)
                total, arrived = total + new, arrived + new.new
                problems += fetched.pull.problems
                if time.monotonic() >= deadline:
                    break
    except CandleError as error:
        record["problem"] = str(error)
        record["since"] = record.get("since") or iso_z(now)
        if isinstance(error, AskedToWait):
            record["not_before"] = iso_z(now + timedelta(seconds=error.wait_s))
        problems.append(f"{source.fetch} down since {record['since']}: {error}")
    lacking -= arrived
    record["lacking"] = lacking
    with context.engine.begin() as conn:
        write_source_state(conn, source_id, state)
    return FetchReport(total, lacking, tuple(problems))


def _asked_to_wait(record: dict[str, Any], now: datetime) -> str | None:
    """The sentence of a source that is not to be asked yet; forgets a pause that is over."""
    text = record.get("not_before")
    if text is None:
        return None
    if now >= datetime.fromisoformat(text):
        del record["not_before"]
        return None
    return f"not asked before {text}, as the server wishes: {record['problem']}"


def wanted_span(conn: sa.Connection, context: Context, source: str) -> Run:
    """First and last candle open (µs) that recomputation needs of this source.

    From the production side's first candle (without any: the collection
    target) minus the longest lookback of a backtest on this source, to the
    last closed candle.
    """
    bot = context.bot
    length_us = bot.frame.length_us
    last = to_us(bot.frame.last_closed(context.now))
    produced = first_production_open(conn, context.bot_id)
    target_bars = int(bot.target_days * bot.frame.bars_per_day)
    first = last - (target_bars - 1) * length_us if produced is None else produced
    default = bot.candles[0].name if bot.candles else None
    starts = [first]
    for backtest in bot.backtests:
        if backtest.lookback_bars is None or (backtest.candles or default) != source:
            continue
        begin = first if backtest.mode is Mode.WINDOW else first - first % DAY_US
        starts.append(begin - (backtest.lookback_bars - 1) * length_us)
    return min(starts), last


def _runs(
    wanted: Run,
    stored: npt.NDArray[np.int64],
    timeframe: Timeframe,
    record: dict[str, Any],
    now: datetime,
) -> tuple[list[Run], int]:
    """Runs to ask for, the newest with some stored bars before it; and how many candles lack."""
    length_us = timeframe.length_us
    absent = [
        np.arange(first, last + 1, length_us, dtype=np.int64)
        for first, last, asked_us in record.get("absent", [])
        if from_us(asked_us) + _ASK_AGAIN > now
    ]
    settled = np.concatenate([stored, *absent])
    runs = missing_runs(*wanted, settled, length_us)
    lacking = sum((last - first) // length_us + 1 for first, last in runs)
    if runs and len(stored) and runs[-1][0] == int(stored.max()) + length_us:
        overlap = max(wanted[0], runs[-1][0] - _OVERLAP_BARS * length_us)
        runs[-1] = overlap, runs[-1][1]
    return join_runs(runs, length_us), lacking


def _note_absent(
    record: dict[str, Any], fetched: Fetched, timeframe: Timeframe, now: datetime
) -> None:
    """Remember holes that the exchange has itself, so that they are not asked for every cycle."""
    fresh = to_us(now) - _FRESH_BARS * timeframe.length_us
    kept = [entry for entry in record.get("absent", []) if from_us(entry[2]) + _ASK_AGAIN > now]
    for first, last in fetched.absent:
        end = min(last, fresh - fresh % timeframe.length_us)
        if end >= first:
            kept.append([first, end, to_us(now)])
    record["absent"] = kept


def _store(context: Context, source_id: int, state: dict[str, Any], fetched: Fetched) -> StoredPull:
    pull = fetched.pull
    with context.engine.begin() as conn:
        stored = store_candles(conn, source_id, pull.candles, origin=pull.origin, now=context.now)
        write_source_state(conn, source_id, state)
    return stored
