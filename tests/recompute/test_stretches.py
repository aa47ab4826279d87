"""Rows of a stretch equal each window's own to the bit, or they are not used."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.recompute.forgetting import Forgetting, read_proofs
from core.recompute.reads import read_backtest_rows
from core.recompute.recompute import RecomputeReport
from core.recompute.worker_pool import WorkerPool
from tests.recompute.recompute_world import World, make_candles, make_world

pytestmark = pytest.mark.slow

BARS = 700
LOOKBACK = 60
FORGETS = """
sma_20 = candles["close"].rolling(20).max()
ema_20 = candles["close"].pct_change(7)
"""
KEEPS_WINDOWS = {
    "recursive": """
sma_20 = candles["close"].rolling(20).max()
ema_20 = candles["close"].ewm(span=20).mean()
""",
    "fails on longer frames": f"""
if len(candles) > {LOOKBACK}:
    raise ValueError("too long")
sma_20 = ema_20 = candles["close"]
""",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, time_limit_s=60)
    yield pool
    pool.kill()


@pytest.fixture
def world(tmp_path: Path, pool: WorkerPool) -> Iterator[World]:
    world = make_world(tmp_path, bars=BARS, executor=pool)
    yield world
    world.engine.dispose()


def write(world: World, body: str) -> None:
    """A pipeline that notes each of its calls by the number of candles."""
    lines = "\n    ".join(body.strip().splitlines())
    world.write(
        f"""
def compute(candles):
    open({str(world.folder / "calls")!r}, "a").write(f"{{len(candles)}}\\n")
    {lines}
    return candles.assign(sma_20=sma_20, ema_20=ema_20)
"""
    )


def calls(world: World) -> list[int]:
    return [int(line) for line in (world.folder / "calls").read_text().splitlines()]


def recompute(world: World, **backtest: Any) -> RecomputeReport:
    return world.recompute(lookback_bars=LOOKBACK, **backtest)


def rows(world: World) -> pd.DataFrame:
    with world.engine.connect() as conn:
        return pd.concat([block.features for block in read_backtest_rows(conn, 1, "again")])


def proofs(world: World) -> list[Forgetting]:
    with world.engine.connect() as conn:
        return list(read_proofs(conn, 1).values())


def alone(world: World, body: str) -> pd.DataFrame:
    """Each window through the same code, one by one."""
    lines = "\n    ".join(body.strip().splitlines())
    scope: dict[str, object] = {}
    exec(
        f"def compute(candles):\n    {lines}\n"
        "    return candles.assign(sma_20=sma_20, ema_20=ema_20)",
        scope,
    )
    candles = world.candles.rename(columns={"candle_open": "timestamp"})
    found = []
    for stop in range(LOOKBACK, len(candles) + 1):
        window = candles.iloc[stop - LOOKBACK : stop].reset_index(drop=True)
        found.append(scope["compute"](window).iloc[-1])  # type: ignore[operator]  # exec gives objects
    return pd.DataFrame(found)[["sma_20", "ema_20"]].astype("float64")


def equal_bits(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    mine, theirs = left.to_numpy("float64"), right.to_numpy("float64")
    return bool(np.array_equal(mine.view("u8"), theirs.view("u8")))


def test_a_pipeline_that_forgets_is_called_a_few_times_and_gives_its_windows(world: World) -> None:
    write(world, FORGETS)
    report = recompute(world)
    assert report.computed == report.coverage.covered == BARS - LOOKBACK + 1
    assert proofs(world) == [Forgetting(True, checked="2025-11-10")]
    assert len(calls(world)) <= (96 + 1 + 2) + 2 * (8 + 1 + 2)
    assert equal_bits(rows(world)[["sma_20", "ema_20"]], alone(world, FORGETS))
    assert recompute(world).computed == 0


@pytest.mark.parametrize("kind", KEEPS_WINDOWS)
def test_one_column_that_does_not_forget_keeps_the_windows(world: World, kind: str) -> None:
    write(world, KEEPS_WINDOWS[kind])
    report = recompute(world)
    assert report.coverage.covered == BARS - LOOKBACK + 1
    (proof,) = proofs(world)
    assert not proof.holds
    assert {"recursive": "ema_20", "fails on longer frames": "too long"}[kind] in proof.why
    assert equal_bits(rows(world)[["sma_20", "ema_20"]], alone(world, KEEPS_WINDOWS[kind]))
    assert len(calls(world)) == BARS - LOOKBACK + 1 + 2  # the proof's two longer frames


def test_a_new_candle_is_a_window_of_its_own(world: World) -> None:
    write(world, FORGETS)
    recompute(world)
    before = len(calls(world))
    world.store(make_candles(BARS + 1))
    assert recompute(world).computed == 1
    assert calls(world)[before:] == [LOOKBACK]


def test_another_hash_is_proven_anew(world: World) -> None:
    world = world.with_own_workers()
    write(world, FORGETS)
    recompute(world)
    write(world, KEEPS_WINDOWS["recursive"])
    recompute(world)
    assert [proof.holds for proof in proofs(world)] == [True, False]


def test_code_that_changes_behind_its_hash_is_caught_and_what_was_stored_since_is_recomputed(
    world: World,
) -> None:
    switch = world.folder / "switch.json"
    switch.write_text("0")
    body = f"""
import json
span = json.loads(open({str(switch)!r}).read())
sma_20 = candles["close"].rolling(20).max()
ema_20 = candles["close"].ewm(span=20).mean() if span else candles["close"]
"""
    write(world, body)
    recompute(world)
    switch.write_text("1")
    world.store(make_candles(BARS + 40))
    recompute(world)
    assert [proof.holds for proof in proofs(world)] == [False]
    later = recompute(world)
    assert later.computed > 500  # whatever a stretch had given
    assert later.coverage.covered == BARS + 40 - LOOKBACK + 1
    assert json.loads(switch.read_text()) == 1
    last = rows(world).iloc[-1]
    window = make_candles(BARS + 40)["close"].tail(LOOKBACK)
    assert last["ema_20"] == window.ewm(span=20).mean().iloc[-1]
