"""The executor itself: any importable function, killed when overdue, replaced when dead."""

import math
import multiprocessing
import os
import time
from concurrent.futures import CancelledError, ProcessPoolExecutor, wait
from pathlib import Path

import pandas as pd
import pytest

from core.recompute.compute import Request
from core.recompute.pipeline import load_pipeline
from core.recompute.recompute import recompute_features
from core.recompute.worker_pool import WorkerPool
from core.recompute.worker_process import OverdueError, WorkerError
from core.times import Timeframe
from tests.recompute.recompute_world import NOW, PIPELINE, make_candles, write_pipeline

pytestmark = pytest.mark.slow


def test_it_is_an_executor_for_any_importable_function() -> None:
    with WorkerPool(2, time_limit_s=30) as pool:
        assert list(pool.map(math.factorial, [3, 4, 5])) == [6, 24, 120]
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(math.factorial, 3)


def test_workers_are_other_processes_and_work_side_by_side() -> None:
    with WorkerPool(2, time_limit_s=30) as pool:
        wait([pool.submit(time.sleep, 0.3) for _ in range(4)])
        processes = {pool.submit(os.getpid).result() for _ in range(8)}
    assert os.getpid() not in processes


def test_overdue_call_fails_alone_and_the_next_one_runs() -> None:
    with WorkerPool(1, time_limit_s=3) as pool:
        slow, quick = pool.submit(time.sleep, 60), pool.submit(math.factorial, 5)
        assert isinstance(slow.exception(timeout=60), OverdueError)
        assert quick.result(timeout=60) == 120


def test_dead_worker_fails_its_call_alone() -> None:
    with WorkerPool(1, time_limit_s=30) as pool:
        dead, next_one = pool.submit(os._exit, 9), pool.submit(math.factorial, 5)
        with pytest.raises(WorkerError, match="exit code 9"):
            dead.result(timeout=60)
        assert next_one.result(timeout=60) == 120


def test_raised_error_and_unsendable_answer_are_errors_of_the_call() -> None:
    with WorkerPool(1, time_limit_s=30) as pool:
        with pytest.raises(WorkerError, match="ValueError"):
            pool.submit(math.sqrt, -1).result(timeout=60)
        with pytest.raises(WorkerError, match="TextIOWrapper is no answer"):
            pool.submit(open, os.devnull).result(timeout=60)


def test_argument_that_cannot_be_sent_is_an_error_of_the_call() -> None:
    with WorkerPool(1, time_limit_s=30) as pool:
        unsendable = pool.submit(print, lambda: None)
        assert unsendable.exception(timeout=60) is not None
        assert pool.submit(math.factorial, 5).result(timeout=60) == 120


@pytest.mark.parametrize("is_started", [False, True])
def test_kill_ends_running_and_waiting_calls_at_once(is_started: bool) -> None:
    pool = WorkerPool(1, time_limit_s=60)
    if is_started:
        assert pool.submit(math.factorial, 5).result(timeout=60) == 120
    running, waiting = pool.submit(time.sleep, 60), pool.submit(time.sleep, 60)
    while not running.running():
        time.sleep(0.01)
    time.sleep(0.3 if is_started else 0)  # long enough that the call is in the worker
    begin = time.monotonic()
    pool.kill()
    assert time.monotonic() - begin < 30
    assert isinstance(running.exception(), WorkerError)
    with pytest.raises(CancelledError):
        waiting.result()


def test_memory_of_a_worker_is_limited() -> None:
    with WorkerPool(1, time_limit_s=30, memory_limit_mb=1000) as pool:
        hungry = pool.submit(bytearray, 2 << 30)
        assert "MemoryError" in str(hungry.exception(timeout=60))


def test_any_other_executor_takes_its_place(tmp_path: Path) -> None:
    write_pipeline(tmp_path, PIPELINE, "elsewhere")
    candles = make_candles(30)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as cluster:
        result = recompute_features(
            Request(
                pipeline=load_pipeline("elsewhere:compute", [tmp_path]),
                lookback_bars=20,
                timeframe=Timeframe.parse("5m"),
            ),
            candles,
            pd.DatetimeIndex(candles["candle_open"].tail(5)),
            now=NOW,
            executor=cluster,
        )
    means = candles["close"].rolling(20).mean().tail(5)
    assert result.features["sma_20"].tolist() == pytest.approx(means.tolist(), rel=1e-12)
