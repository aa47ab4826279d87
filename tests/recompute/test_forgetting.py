"""Feature code of every kind against stretches: the answer is that of each window alone."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.arrays import Ints
from core.recompute import frame_task
from core.recompute.compute import CachedRow, Request, recompute_batches
from core.recompute.forgetting import Forgetting
from core.recompute.pipeline import Pipeline
from core.recompute.recomputed import Collected
from core.recompute.spot_check import is_check_due, spot_check
from core.recompute.windows import CandleGrid, stretch_key
from core.settings import GapPolicy
from core.times import Timeframe
from tests.recompute.recompute_world import NOW, make_candles

pytestmark = pytest.mark.slow

BARS, LOOKBACK = 900, 60
ROWS = BARS - LOOKBACK + 1
FIVE = Timeframe.parse("5m")
Compute = Callable[[pd.DataFrame], Any]


class Here(Executor):
    """Runs each call at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass
class Memory:
    """Rows by key, and proofs by key."""

    rows: dict[str, CachedRow] = field(default_factory=dict)
    proofs: dict[str, Forgetting] = field(default_factory=dict)


@dataclass
class RowsOf:
    rows: dict[str, CachedRow]

    def get(self, keys: Sequence[str]) -> Mapping[str, CachedRow]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    def put(self, rows: Mapping[str, CachedRow]) -> None:
        self.rows.update(rows)


@dataclass
class ProofsOf:
    proofs: dict[str, Forgetting]

    def get(self, key: str) -> Forgetting | None:
        return self.proofs.get(key)

    def put(self, key: str, found: Forgetting) -> None:
        self.proofs[key] = found


@dataclass
class Bench:
    """One feature function, called here and counted; a clock that a call moves by a second."""

    function: Compute
    candles: pd.DataFrame = field(default_factory=lambda: make_candles(BARS))
    memory: Memory = field(default_factory=Memory)
    calls: list[int] = field(default_factory=list)
    request: Request = field(init=False)

    def __post_init__(self) -> None:
        pipeline = Pipeline(f"here:{id(self)}", (), f"hash {id(self)}", {}, {})
        frame_task._LOADED[pipeline.spec, ()] = self._counted
        self.request = Request(
            pipeline=pipeline, timeframe=FIVE, lookback_bars=LOOKBACK, budget_s=9000
        )

    def _counted(self, candles: pd.DataFrame) -> pd.DataFrame:
        self.calls.append(len(candles))
        return self._features(candles)

    def _features(self, candles: pd.DataFrame) -> pd.DataFrame:
        value = self.function(candles)
        return pd.DataFrame({"rose": candles["close"].diff(3), "value": np.asarray(value)})

    @property
    def proof(self) -> Forgetting:
        (proof,) = self.memory.proofs.values()
        return proof

    def grid(self) -> CandleGrid:
        return CandleGrid.of(self.candles, FIVE)

    def recompute(self, opens: Ints | None = None, **changes: Any) -> Collected:
        found = Collected()
        for batch in recompute_batches(
            replace(self.request, **changes),
            self.grid(),
            self.grid().opens[LOOKBACK - 1 :] if opens is None else opens,
            now=NOW,
            executor=Here(),
            cache=RowsOf(self.memory.rows),
            proofs=ProofsOf(self.memory.proofs),
            monotonic=lambda: float(len(self.calls)),
        ):
            found.merge(batch)
        return found

    def check(self, now: datetime, flagged: Sequence[int] = ()) -> None:
        """What a recomputation does after its rows."""
        if not is_check_due(self.request, ProofsOf(self.memory.proofs), now):
            return
        spot_check(
            self.request,
            self.grid(),
            self.grid().opens[LOOKBACK - 1 :],
            flagged,
            now=now,
            executor=Here(),
            cache=RowsOf(self.memory.rows),
            proofs=ProofsOf(self.memory.proofs),
        )

    def differing(self, found: Collected) -> int:
        """Rows that are not those of their windows, to the bit; every candle has to have one."""
        sealed = found.seal()
        candles = self.candles.rename(columns={"candle_open": "timestamp"})
        alone = np.array(
            [
                self._features(candles.iloc[stop - LOOKBACK : stop].reset_index(drop=True))
                .iloc[-1]
                .to_numpy("float64")
                for stop in range(LOOKBACK, len(candles) + 1)
            ]
        )
        mine = sealed.features.to_numpy()
        assert mine.shape == alone.shape
        same = (mine.view("u8") == alone.view("u8")) | (np.isnan(mine) & np.isnan(alone))
        return int((~same.all(axis=1)).sum())


def close_means(candles: pd.DataFrame) -> Any:
    """A moving average that adds up what it sees and carries no sum along."""
    means = np.full(len(candles), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(candles["close"].to_numpy(), 20)
    means[19:] = windows.mean(axis=1)
    return means


FORGET: dict[str, Compute] = {
    "highest of 20": lambda c: c["high"].rolling(20).max(),
    "means without a running sum": close_means,
    "a lookback as long as the window": lambda c: c["close"].rolling(LOOKBACK).median(),
    "the month": lambda c: c["timestamp"].dt.month,
    "the last full hour": lambda c: (
        c.set_index("timestamp")["close"]
        .resample("1h")
        .last()
        .shift(1)
        .reindex(c["timestamp"], method="ffill")
        .fillna(0.0)
    ),
}


def tail_of_its_own(candles: pd.DataFrame) -> Any:
    return candles["close"].tail(LOOKBACK).reset_index(drop=True).reindex(candles.index)


def last_row(candles: pd.DataFrame) -> Any:
    value = candles["close"].copy()
    if value.iloc[-1] > value.iloc[-2]:
        value.iloc[-1] = 0.0
    return value


def direction(candles: pd.DataFrame) -> Any:
    """Turns after a move of 0.5 %: a state that may last longer than a window."""
    turned, high, low, up = [], -np.inf, np.inf, 1.0
    for close in candles["close"]:
        high, low = max(high, close), min(low, close)
        if up > 0 and close < high * 0.995:
            up, low = -1.0, close
        elif up < 0 and close > low * 1.005:
            up, high = 1.0, close
        turned.append(up)
    return turned


REMEMBER: dict[str, Compute] = {
    "recursive": lambda c: c["close"].ewm(span=20).mean(),
    "running sum": lambda c: c["close"].rolling(20).mean(),
    "length of the frame": lambda c: c["close"] / len(c),
    "absolute position": lambda c: c.index % 7,
    "counted from the frame's start": lambda c: c["close"].where(c.index % 12 == 0).ffill(),
    "the frame's first candle": lambda c: c["close"] / c["close"].iloc[0],
    "later candles": lambda c: c["close"].rolling(5, center=True, min_periods=1).max(),
    "turns that later candles make": lambda c: (
        c["high"] == c["high"].rolling(21, center=True, min_periods=1).max()
    ),
    "mean of the frame": lambda c: c["close"] - c["close"].mean(),
    "highest so far": lambda c: c["close"] / c["high"].cummax(),
    "quantiles of the frame": lambda c: c["close"].clip(upper=float(c["close"].quantile(0.9))),
    "rank in the frame": lambda c: c["close"].rank(pct=True),
    "since the last jump": lambda c: (
        c.index.to_series() - c.index.to_series().where(c["close"].diff().abs() > 90).ffill()
    ).fillna(-1),
    "an hour that goes on": lambda c: (
        c.set_index("timestamp")["close"]
        .resample("1h")
        .last()
        .reindex(c["timestamp"], method="ffill")
    ),
    "a day that began before the window": lambda c: (
        c["volume"].groupby(c["timestamp"].dt.floor("D")).cumsum()
    ),
    "one candle more than the window": lambda c: (
        c["close"].rolling(LOOKBACK + 1, min_periods=1).median()
    ),
    "the last row": last_row,
    "direction": direction,
    "tail of its own": tail_of_its_own,
    "seeded by the length": lambda c: np.random.default_rng(len(c)).random(len(c)),
}


@pytest.mark.parametrize("kind", FORGET)
def test_a_pipeline_that_forgets_is_called_a_few_times_and_gives_its_windows(kind: str) -> None:
    bench = Bench(FORGET[kind])
    found = bench.recompute()
    assert bench.proof == Forgetting(True, checked="2025-11-10")
    assert len(bench.calls) <= (96 + 1 + 2) + 3 * (8 + 1 + 2)
    assert bench.differing(found) == 0


@pytest.mark.parametrize("kind", REMEMBER)
def test_code_that_remembers_keeps_its_windows(kind: str) -> None:
    bench = Bench(REMEMBER[kind])
    found = bench.recompute()
    assert not bench.proof.holds
    assert bench.proof.why
    assert bench.differing(found) == 0
    assert len(bench.calls) <= ROWS + 2 + 6  # a stretch and its half, of the proof and of units


def test_randomness_is_caught() -> None:
    draw = np.random.default_rng(3)
    bench = Bench(lambda c: c["close"] + (draw.random(len(c)) < 0.02))
    bench.recompute()
    assert bench.proof.why.startswith("value: another value")


def test_rows_with_a_missing_value_come_from_their_own_window() -> None:
    bench = Bench(lambda c: c["high"].rolling(20).max().mask(c["close"].diff() > 60))
    found = bench.recompute()
    assert bench.proof.holds
    assert bench.differing(found) == 0
    missing = int(found.seal().features["value"].isna().sum())
    assert 0 < missing < 300
    assert len(bench.calls) <= 132 + missing


def test_windows_over_a_hole_stay_alone() -> None:
    bench = Bench(FORGET["highest of 20"], make_candles(BARS).drop(index=[300, 301]))
    found = bench.recompute(gap_policy=GapPolicy.ALLOW)
    over = [length for length in bench.calls if length == LOOKBACK]
    assert len(found.opens) == ROWS - 2
    assert sum(count > 0 for count in found.missing) == LOOKBACK - 1
    assert LOOKBACK - 1 <= len(over) <= LOOKBACK - 1 + 96 + 4 * 9


def test_a_proof_that_the_budget_cuts_off_goes_on_where_it_stopped() -> None:
    bench = Bench(FORGET["highest of 20"])
    missing, found = bench.grid().opens[LOOKBACK - 1 :], Collected()
    for _ in range(20):
        found.merge(bench.recompute(missing, budget_s=30.0))
        missing = np.setdiff1d(missing, found.opens)
    assert len(missing) == 0
    assert bench.proof.holds
    assert len(bench.calls) <= 132 + 20
    assert bench.differing(found) == 0


def test_a_check_that_fails_is_kept_before_anything_else_is_handed_on() -> None:
    turned = make_candles(BARS)["candle_open"].iloc[700]
    bench = Bench(
        lambda c: c["close"].where(c["timestamp"] < turned, c["high"].cummax() - c["low"].cummin())
    )
    batches = recompute_batches(
        bench.request,
        bench.grid(),
        bench.grid().opens[LOOKBACK - 1 :],
        now=NOW,
        executor=Here(),
        proofs=ProofsOf(bench.memory.proofs),
        monotonic=lambda: float(len(bench.calls)),
    )
    done = Collected()
    for batch in batches:
        done.merge(batch)
        if any(done.from_stretch) and not bench.proof.holds:
            break  # killed here, and known all the same
    assert len(done.opens) < ROWS
    assert any(done.from_stretch)


def test_a_day_brings_a_check_of_the_newest_windows() -> None:
    turned = make_candles(1000)["candle_open"].iloc[BARS]
    bench = Bench(
        lambda c: c["close"].where(c["timestamp"] < turned, c["high"].cummax() - c["low"].cummin())
    )
    bench.recompute()
    assert bench.proof.holds
    for bars in range(BARS + 1, BARS + 41):
        bench.candles = make_candles(bars)
        bench.recompute(bench.grid().opens[-1:])
    bench.check(NOW)
    assert bench.proof.holds  # once a day
    bench.check(NOW + timedelta(days=1))
    assert not bench.proof.holds
    assert bench.proof.checked == "2025-11-11"


def test_a_day_brings_a_check_of_rows_from_stretches_the_worst_first() -> None:
    worst = make_candles(BARS)["candle_open"].iloc[500]
    switched: list[int] = []

    def value(candles: pd.DataFrame) -> Any:
        is_it = bool(switched) and candles["timestamp"].iloc[-1] == worst
        return candles["close"] + (1.0 if is_it else 0.0)

    bench = Bench(value)
    bench.recompute()
    switched.append(1)
    before = len(bench.calls)
    flagged = int(bench.grid().opens[500])
    stretches = {key for key in bench.memory.rows if key.endswith(stretch_key(""))}
    bench.check(NOW + timedelta(days=1), [flagged])
    assert 0 < len(bench.calls) - before <= 24 + 1
    assert bench.proof.why.startswith("value: another value")
    assert stretches  # they are there, and no longer taken:
    assert bench.differing(bench.recompute()) == 0


def test_a_pipeline_that_still_forgets_stays_proven_for_another_day() -> None:
    bench = Bench(FORGET["highest of 20"])
    bench.recompute()
    bench.check(NOW + timedelta(days=1))
    made = len(bench.calls)
    bench.check(NOW + timedelta(days=1, hours=3))
    assert bench.proof == Forgetting(True, checked="2025-11-11")
    assert len(bench.calls) == made
