"""Candles over the network: explicit windows, every answer counted, open candles left out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.candles.candle_files import CandlePull, candle_frame, is_whole
from core.errors import CandleError
from core.foreign_text import cut_short
from core.number_text import number
from core.times import END_OF_TIME, Timeframe, from_us, iso_z, to_us

# A short page is asked for again while that helps; single holes one by one, many as one stretch.
_ROUNDS = 20
_HOLES_ASKED = 5
_PROBLEMS_TOLD = 20  # of one answer: a thousand equal sentences say no more
Run = tuple[int, int]  # first and last candle open, µs, both included


@dataclass(frozen=True, slots=True)
class Klines:
    """One answer, in any order: candle opens in µs, n × 5 numbers (OHLCV), the server's time.

    problems: rows that are no candles, one sentence each.
    """

    opens_us: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float64]
    server_time: datetime | None = None
    problems: tuple[str, ...] = ()


def read_klines(
    name: str, rows: Sequence[Any], fields: Sequence[Any], server_time: datetime | None = None
) -> Klines:
    """Rows as an exchange gives them, each with its open (ms) and OHLCV under `fields`.

    A row that is no candle is a problem of its own. Raises CandleError where no row is one.
    """
    opens, numbers, problems = [], [], []
    for row in rows:
        try:
            open_us, *values = (
                int(row[fields[0]]) * 1000,
                *(number(str(row[name])) for name in fields[1:]),
            )
            if math.inf in values:
                raise ValueError("a number is beyond every price")
            if not 0 <= open_us <= END_OF_TIME:
                raise ValueError(f"open time {row[fields[0]]} is no time in milliseconds")
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            problems.append(f"{name}: a candle is not as documented: {cut_short(str(error))!r}")
            continue
        opens.append(open_us)
        numbers.append(values)
    if problems and not opens:
        raise CandleError(problems[0])
    return Klines(
        np.array(opens, dtype=np.int64),
        np.array(numbers, dtype="float64").reshape(len(opens), 5),
        server_time,
        tuple(problems[:_PROBLEMS_TOLD]),
    )


class Exchange(Protocol):
    """Public candles of one market; `limit` is the most that one call returns."""

    name: str
    limit: int

    def klines(self, first_us: int, last_us: int) -> Klines:
        """Candles whose open lies in first … last (both included); raises CandleError."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """Closed candles of one answer, and the runs that the exchange was found not to have."""

    pull: CandlePull
    absent: tuple[Run, ...]


def missing_runs(
    first_us: int, last_us: int, stored: npt.NDArray[np.int64], length_us: int
) -> list[Run]:
    """Runs of candle opens from first to last (both included) that are not stored."""
    expected = np.arange(first_us, last_us + 1, length_us, dtype=np.int64)
    lacking = expected[~np.isin(expected, stored)]
    return join_runs([(int(open_us), int(open_us)) for open_us in lacking], length_us)


def join_runs(runs: Sequence[Run], length_us: int) -> list[Run]:
    """Runs in order, neighbours joined."""
    joined: list[Run] = []
    for first, last in sorted(runs):
        if joined and first <= joined[-1][1] + length_us:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined


def fetch_runs(
    exchange: Exchange, runs: Sequence[Run], timeframe: Timeframe, now: datetime
) -> Iterator[Fetched]:
    """Fetch runs in windows of at most the exchange's limit, newest window first.

    The newest comes first because a bot that waits needs it; older history may
    follow in later cycles. Raises CandleError when the exchange does not
    answer, after giving what it answered before.
    """
    span_us = (exchange.limit - 1) * timeframe.length_us
    for first, last in reversed(list(runs)):
        stop = last
        while stop >= first:
            start = max(first, stop - span_us)
            yield from _fetch_window(exchange, (start, stop), timeframe, now)
            stop = start - timeframe.length_us


def _fetch_window(
    exchange: Exchange, window: Run, timeframe: Timeframe, now: datetime
) -> Iterator[Fetched]:
    """One window, asked again where the answer was short, for as long as that brings candles.

    Holes are absent only when they were asked for by themselves and stayed empty.
    """
    there = np.empty(0, dtype=np.int64)
    holes: list[Run] = [window]
    for attempt in range(_ROUNDS):
        asked = holes if len(holes) <= _HOLES_ASKED else [(holes[0][0], holes[-1][1])]
        for run in asked:
            pull = _closed(exchange, exchange.klines(*run), run, timeframe, now)
            there = np.concatenate([there, us_of(pull)])
            yield Fetched(pull, ())
        before, holes = holes, missing_runs(*window, there, timeframe.length_us)
        if not holes or (attempt and holes == before):
            break
    else:
        return
    yield Fetched(empty_pull(exchange.name), tuple(holes))


def empty_pull(origin: str) -> CandlePull:
    """A pull without a candle."""
    nothing = candle_frame(np.empty(0, dtype=np.int64), np.empty((0, 5)))
    return CandlePull(origin, nothing, nothing, ())


def us_of(pull: CandlePull) -> npt.NDArray[np.int64]:
    """Candle opens of a pull in µs."""
    return pull.candles["candle_open"].to_numpy("datetime64[us]").astype("int64")


def _closed(
    exchange: Exchange, answer: Klines, run: Run, timeframe: Timeframe, now: datetime
) -> CandlePull:
    """The candles of an answer that were asked for and have closed, by either clock."""
    is_asked = (answer.opens_us >= run[0]) & (answer.opens_us <= run[1])
    if len(answer.opens_us) and not is_asked.any():
        raise CandleError(
            f"{exchange.name}: asked for {iso_z(from_us(run[0]))} to {iso_z(from_us(run[1]))}, "
            f"answered with {len(answer.opens_us)} candles of another time; "
            "check symbol and timeframe"
        )
    clock = now if answer.server_time is None else min(now, answer.server_time)
    is_good = is_whole(answer.numbers) & (answer.opens_us % timeframe.length_us == 0)
    is_over = answer.opens_us + timeframe.length_us <= to_us(clock)
    bad = np.flatnonzero(is_asked & ~is_good)
    chosen = is_asked & is_good & is_over
    order = np.argsort(answer.opens_us[chosen], kind="stable")
    return CandlePull(
        origin=exchange.name,
        candles=candle_frame(
            answer.opens_us[chosen][order],
            answer.numbers[chosen][order],
        ),
        not_closed=empty_pull(exchange.name).candles,
        problems=answer.problems
        + tuple(
            f"{exchange.name}: candle {iso_z(from_us(int(answer.opens_us[i])))} is no candle: "
            f"{answer.numbers[i].tolist()}"
            for i in bad
        ),
    )
