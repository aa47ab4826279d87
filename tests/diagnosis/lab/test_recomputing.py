"""The diagnosis re-runs windows by the planner of the comparison that it explains."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.arrays import Flags, Ints
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.diagnosis.lab.recomputing import Calls, Recomputer
from core.diagnosis.lab.trial import Laboratory, base_world
from core.recompute.compute import CachedRow, Request, VectorCache, recompute_features
from core.recompute.pipeline import load_pipeline
from core.recompute.worker_pool import WorkerPool
from core.settings import GapPolicy, Mode
from core.times import Timeframe, from_us, index_from_us, us_from_index
from tests.diagnosis.cases import make_evidence
from tests.recompute.recompute_world import write_pipeline

FIVE = Timeframe.parse("5m")
HOLE = 100


def _holed(gap_policy: GapPolicy) -> Evidence:
    """A day whose exchange lacks one candle, under a gap policy of its backtest."""
    evidence = make_evidence(days=1)
    assert evidence.source is not None and evidence.backtest is not None
    candles = evidence.candles[evidence.source].without(evidence.opens[HOLE : HOLE + 1])
    return replace(
        evidence,
        candles={**evidence.candles, evidence.source: candles},
        backtest=evidence.backtest.model_copy(update={"gap_policy": gap_policy}),
    )


def _covered(evidence: Evidence) -> Flags:
    """Candles that the comparison itself recomputes."""
    assert evidence.backtest is not None and evidence.source is not None
    request = Request(
        pipeline=load_pipeline("reference", ()),
        timeframe=evidence.timeframe,
        lookback_bars=evidence.backtest.lookback_bars or 0,
        gap_policy=evidence.backtest.gap_policy,
    )
    candles = evidence.candles[evidence.source].frame()
    now = from_us(int(evidence.opens[-1])) + timedelta(days=1)
    found = recompute_features(request, candles, index_from_us(evidence.opens), now=now)
    return np.isin(evidence.opens, us_from_index(pd.DatetimeIndex(found.features.index)))


@pytest.mark.parametrize(
    ("gap_policy", "count"), [(GapPolicy.REFUSE, HOLE), (GapPolicy.ALLOW, 287)]
)
def test_candles_that_the_gap_policy_excludes_are_not_re_run(
    gap_policy: GapPolicy, count: int
) -> None:
    evidence = _holed(gap_policy)
    again = Laboratory(evidence).probabilities((), np.arange(len(evidence.opens)))
    covered = _covered(evidence)
    assert covered.sum() == count
    assert (np.isfinite(again).all(axis=1) == covered).all()


def test_the_world_of_a_comparison_has_its_gap_policy() -> None:
    assert base_world(_holed(GapPolicy.ALLOW)).gap_policy is GapPolicy.ALLOW
    assert base_world(_holed(GapPolicy.REFUSE)).gap_policy is GapPolicy.REFUSE


def _candles(count: int) -> CandleRows:
    prices = 100 + np.sin(np.arange(count))
    values = np.column_stack([prices, prices + 1, prices - 1, prices, np.ones(count)])
    return CandleRows(np.arange(count, dtype="int64") * FIVE.length_us, values)


def test_a_window_is_never_shortened() -> None:
    candles = _candles(400)
    rows = Recomputer((), FIVE)(
        "reference", candles, candles.opens, 300, Mode.WINDOW, GapPolicy.REFUSE
    )
    assert (rows.opens == candles.opens[299:]).all()


def test_a_pipeline_that_cannot_be_loaded_gives_no_rows_and_is_not_called_again() -> None:
    made = []

    def pool() -> WorkerPool:
        made.append(WorkerPool(1, time_limit_s=60))
        return made[-1]

    recompute, candles = Recomputer((), FIVE, pool), _candles(20)
    for _ in range(2):
        rows = recompute("nowhere:compute", candles, candles.opens, 5, Mode.WINDOW, GapPolicy.ALLOW)
        assert (len(rows.opens), rows.columns) == (0, ())
    recompute.close()
    assert len(made) == 1
    assert recompute.cpu_s == 0.0
    assert "nowhere:compute cannot be loaded" in recompute.failures["nowhere:compute"]


class _Quick(Executor):
    """Answers each frame at once with the close of its last candle, as a worker would."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls += 1
        (task,) = args
        rows = task["rows"]
        future: Future[Any] = Future()
        future.set_result(
            {
                "opens": task["opens"][rows],
                "cpu_s": 0.25,
                "columns": ("again",),
                "texts": (),
                "matrix": task["numbers"][rows, 3:4],
                "found": np.ones(len(rows), dtype=bool),
                "warming": np.zeros((len(rows), 1), dtype=bool),
            }
        )
        return future


def test_a_diagnosis_calls_a_trader_s_code_twenty_thousand_times() -> None:
    executor, candles = _Quick(), _candles(20_000)
    recompute = Recomputer((), FIVE, lambda: executor, time_limit_s=60)

    def again(ends: Ints) -> int:
        return len(recompute("own:compute", candles, ends, 1, Mode.WINDOW, GapPolicy.REFUSE).opens)

    assert again(candles.opens[:-1]) == 19_999
    assert again(candles.opens[:2]) == 1  # the last call that there is
    assert again(candles.opens[:1]) == 0
    assert executor.calls == 20_000
    assert recompute.cpu_s == 5_000.0
    assert recompute.failures == {}


OWN = """
import time

def compute(candles):
    {body}
    return candles[["close"]]
"""


def _own_cpu_s(folder: Path, body: str, *, time_limit_s: float) -> float:
    """What a window of a trader's code with this body is said to have taken."""
    write_pipeline(folder, OWN.format(body=body), "own_code")
    recompute = Recomputer(
        (str(folder),),
        FIVE,
        lambda: WorkerPool(1, time_limit_s=time_limit_s),
        time_limit_s=time_limit_s,
    )
    candles = _candles(5)
    try:
        recompute("own_code:compute", candles, candles.opens[-1:], 5, Mode.WINDOW, GapPolicy.REFUSE)
    finally:
        recompute.close()
    return recompute.cpu_s


def test_a_call_costs_the_cpu_that_it_takes_and_not_the_time_that_it_waits(tmp_path: Path) -> None:
    body = "time.sleep(2)\n    while time.process_time() < 0.2 + BEFORE: pass"
    spent = _own_cpu_s(tmp_path, f"BEFORE = time.process_time(); {body}", time_limit_s=60)
    assert 0.2 <= spent < 1.0


def test_a_call_of_children_costs_what_they_take(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    body = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    assert _own_cpu_s(tmp_path, body, time_limit_s=60) > 0.2  # of 0.3, in ticks of a hundredth


def test_a_call_that_was_ended_costs_its_limit(tmp_path: Path) -> None:
    assert _own_cpu_s(tmp_path, "time.sleep(60)", time_limit_s=1.5) == 1.5


class Here(Executor):
    """Runs each call at once, in this process, and notes how many candles it was given."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls.append(len(args[0]["opens"]))
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Kept(dict[str, CachedRow]):
    """A cache in memory."""

    def get(self, keys: Sequence[str]) -> dict[str, CachedRow]:  # type: ignore[override]  # a plain dict
        return {key: self[key] for key in keys if key in self}

    def put(self, rows: Mapping[str, CachedRow]) -> None:
        self.update(rows)


SOURCE = """
def compute(candles):
    if len(candles) < 3:
        raise ValueError("too short")
    return candles.assign(mean=candles["close"].mean())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pipeline(tmp_path, SOURCE, f"trials_{tmp_path.name}")


def _recomputer(folder: Path, here: Here, cache: VectorCache | None = None) -> Recomputer:
    return Recomputer((str(folder),), FIVE, lambda: here, cache=cache)


def _spec(folder: Path) -> str:
    return f"trials_{folder.name}:compute"


def _ask(
    recompute: Recomputer, folder: Path, candles: CandleRows, lookback_bars: int = 5
) -> FeatureRows:
    ends = candles.opens[-4:]
    return recompute(_spec(folder), candles, ends, lookback_bars, Mode.WINDOW, GapPolicy.ALLOW)


def test_a_frame_is_run_once_however_it_came_about(folder: Path) -> None:
    here, candles = Here(), _candles(20)
    recompute = _recomputer(folder, here)
    first = _ask(recompute, folder, candles)
    # Another trial: a candle is changed that two of the four windows hold.
    changed = candles.values.copy()
    changed[13] += 1
    second = _ask(recompute, folder, CandleRows(candles.opens, changed))
    assert len(here.calls) == 4 + 2
    assert recompute.calls == Calls(made=6, known=2)
    assert (second.matrix[2:] == first.matrix[2:]).all()
    assert (second.matrix[:2] != first.matrix[:2]).any()
    fresh = _recomputer(folder, Here())
    assert (_ask(fresh, folder, CandleRows(candles.opens, changed)).matrix == second.matrix).all()


def test_what_one_diagnosis_ran_the_next_one_knows(folder: Path) -> None:
    kept, candles = Kept(), _candles(20)
    first = _recomputer(folder, Here(), kept)
    rows = _ask(first, folder, candles)
    assert kept == {}
    first.close()
    second, here = _recomputer(folder, Here(), kept), Here()
    again = _ask(second, folder, candles)
    assert here.calls == []
    assert second.calls == Calls(made=0, known=4)
    assert (again.matrix == rows.matrix).all()
    assert again.columns == rows.columns


def test_what_a_backtest_ran_a_diagnosis_knows(folder: Path) -> None:
    kept, candles = Kept(), _candles(20)
    request = Request(
        pipeline=load_pipeline(_spec(folder), (str(folder),)), timeframe=FIVE, lookback_bars=5
    )
    recompute_features(
        request,
        candles.frame(),
        index_from_us(candles.opens[-4:]),
        now=from_us(int(candles.opens[-1])) + timedelta(days=1),
        executor=Here(),
        cache=kept,
    )
    recompute = _recomputer(folder, Here(), kept)
    _ask(recompute, folder, candles)
    assert recompute.calls == Calls(made=0, known=4)


def test_what_is_asked_for_anew_is_run_and_timed_whatever_is_known(folder: Path) -> None:
    kept, candles, here = Kept(), _candles(20), Here()
    first = _recomputer(folder, Here(), kept)
    rows = _ask(first, folder, candles)
    first.close()
    recompute = _recomputer(folder, here, kept)
    ends = candles.opens[-4:]
    for _ in range(2):
        again = recompute.anew(_spec(folder), candles, ends, 5, Mode.WINDOW, GapPolicy.ALLOW)
        assert (again.matrix == rows.matrix).all()
    assert recompute.calls == Calls(made=8, known=0)


def test_other_source_is_run_anew(folder: Path) -> None:
    kept, candles = Kept(), _candles(20)
    first = _recomputer(folder, Here(), kept)
    _ask(first, folder, candles)
    first.close()
    write_pipeline(folder, SOURCE + "# changed\n", f"trials_{folder.name}")
    second = _recomputer(folder, Here(), kept)
    _ask(second, folder, candles)
    assert second.calls == Calls(made=4, known=0)


def test_code_that_fails_at_first_uses_no_more_of_the_budget_than_it_was_called(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.diagnosis.lab.recomputing._MAX_CALLS", 9)
    write_pipeline(folder, "def compute(candles):\n    raise ValueError\n", "fails_at_first")
    here, candles = Here(), _candles(20)
    recompute = _recomputer(folder, here)
    recompute("fails_at_first:compute", candles, candles.opens[8:], 5, Mode.WINDOW, GapPolicy.ALLOW)
    assert recompute.calls.made == len(here.calls) < 9
    assert len(_ask(recompute, folder, candles).opens) == 4


def test_frames_on_which_code_fails_cost_their_trial_and_no_other(folder: Path) -> None:
    here, candles = Here(), _candles(20)
    recompute = _recomputer(folder, here)
    assert len(_ask(recompute, folder, candles).opens) == 4
    for _ in range(2):  # what fails for good is known as well
        assert len(_ask(recompute, folder, candles, lookback_bars=2).opens) == 0
    assert here.calls == [5] * 4 + [2] * 4
    assert recompute.failures == {}
    assert len(_ask(recompute, folder, candles, lookback_bars=6).opens) == 4


def test_calls_are_told_in_a_sentence() -> None:
    assert Calls(made=1412, known=7).sentence() == (
        "The feature code was called 1,412 times; 7 further frames were known already."
    )
