"""The worker's side of the pipes: its protocol, and what it does with one frame."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.recompute import worker_process
from core.recompute.worker import HEADER, READY, encode
from core.recompute.worker_process import WorkerError, WorkerProcess, decode

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "core" / "recompute" / "worker.py"
OPENS = 1_762_128_000_000_000 + np.arange(4, dtype="int64") * 300_000_000
NUMBERS = np.array([[1.0, 4.0, 0.5, close, 10.0] for close in (2.0, 3.0, 1.0, 4.0)])


class Worker:
    """A worker that ends when its calls do, unlike those of a pool, which are killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(SCRIPT), "4096", str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
        )
        assert self._read() == READY

    def call(self, name: str, *args: Any) -> tuple[str, Any]:
        message = pickle.dumps(("a token", name, args, {}))
        assert self._process.stdin is not None
        self._process.stdin.write(HEADER.pack(len(message)) + message)
        self._process.stdin.flush()
        token, outcome, value = decode(self._read())
        assert token == "a token"
        return outcome, value

    def run(self, body: str, rows: tuple[int, ...] = (1, 3), spec: str = "") -> dict[str, Any]:
        """What run_frame answers for a pipeline of this body."""
        module = f"mine_{len(list(self.folder.glob('*.py')))}"
        (self.folder / f"{module}.py").write_text(f"def compute(candles):\n    {body}\n")
        task = {
            "spec": spec or f"{module}:compute",
            "pipeline_path": (str(self.folder),),
            "opens": OPENS,
            "numbers": NUMBERS,
            "rows": np.array(rows),
        }
        outcome, answer = self.call("core.recompute.frame_task:run_frame", task)
        assert outcome == "done"
        return dict(answer)

    def end(self) -> tuple[int, bytes]:
        """Close its calls; the exit code and what it printed."""
        _, printed = self._process.communicate(timeout=60)
        return self._process.returncode, printed

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        (size,) = HEADER.unpack(self._process.stdout.read(HEADER.size))
        return self._process.stdout.read(size)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = Worker(tmp_path_factory.mktemp("worker"))
    yield worker
    assert worker.end()[0] == 0


def test_calls_are_answered_in_turn_until_there_are_no_more(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    assert worker.call("math:factorial", 5) == ("done", 120)
    assert worker.call("math:sqrt", -1)[0] == "raised"
    assert worker.call("math:factorial", 3) == ("done", 6)
    assert worker.end() == (0, b"")


def test_prints_of_a_call_are_not_its_answer(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    assert worker.call("builtins:print", "from the trader") == ("done", None)
    assert worker.call("builtins:input")[0] == "raised"  # nothing is to be read either
    assert worker.end() == (0, b"from the trader\n")


def test_a_call_that_was_cut_off_is_not_run(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    assert worker._process.stdin is not None
    worker._process.stdin.write(HEADER.pack(1000) + b"half")
    assert worker.end() == (0, b"")


def test_wanted_rows_come_back_with_what_is_warming_up(worker: Worker) -> None:
    answer = worker.run(
        "return candles.assign(mean=candles['close'].rolling(3).mean(), word='up', up=True)"
        "[['mean', 'word', 'up']]"
    )
    assert answer["columns"] == ["mean", "up"]
    assert answer["texts"] == ["word"]
    np.testing.assert_array_equal(answer["matrix"], [[np.nan, 1.0], [(3 + 1 + 4) / 3, 1.0]])
    assert answer["found"].tolist() == [True, True]
    assert answer["warming"].tolist() == [[True, False], [False, False]]


def test_a_value_that_is_absent_later_is_no_warm_up(worker: Worker) -> None:
    answer = worker.run("return candles.assign(x=candles['close'].where(candles.index < 3))[['x']]")
    np.testing.assert_array_equal(answer["matrix"], [[3.0], [np.nan]])
    assert not answer["warming"].any()


@pytest.mark.parametrize(
    "body",
    [
        "return candles[['close']].iloc[1:]",
        "return candles[['timestamp', 'close']].iloc[1:].reset_index(drop=True)",
        "return candles.set_index('timestamp')[['close']].iloc[:0:-1]",
        "return candles.set_index(candles['timestamp'].dt.tz_localize(None))[['close']].iloc[1:]",
        "return candles.assign(timestamp=candles['timestamp'].dt.tz_convert('Asia/Seoul'))"
        "[['timestamp', 'close']].iloc[1:]",
    ],
)
def test_rows_are_found_by_label_or_time_and_a_dropped_one_is_said(
    worker: Worker, body: str
) -> None:
    answer = worker.run(body, rows=(0, 1, 3))
    assert answer["found"].tolist() == [False, True, True]
    np.testing.assert_array_equal(answer["matrix"], [[np.nan], [3.0], [4.0]])


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("return candles.assign(x=[None, 2, None, 4.5])[['x']].astype(object)", [2.0, 4.5]),
        ("return candles.assign(x=[1, None, 3, 4])[['x']].astype('Int64')", [np.nan, 4.0]),
        ("return candles.assign(x=[True, False, True, True])[['x']]", [0.0, 1.0]),
    ],
)
def test_numbers_of_any_type_are_float64(worker: Worker, body: str, values: list[float]) -> None:
    np.testing.assert_array_equal(worker.run(body)["matrix"][:, 0], values)


@pytest.mark.parametrize(
    "column",
    ["[1j, 2j, 3j, 4j]", "list('abcd')", "[object()] * 4", "candles['timestamp']"],
)
def test_what_is_no_number_is_named_and_left_out(worker: Worker, column: str) -> None:
    answer = worker.run(f"return candles.assign(x={column})[['x', 'close']]")
    assert (answer["columns"], answer["texts"]) == (["close"], ["x"])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("return candles['close']", "returned Series, not a DataFrame"),
        (
            "return candles.iloc[1:].drop(columns='timestamp').reset_index(drop=True)",
            "3 rows for 4",
        ),
        (
            "return candles.drop(columns='timestamp').set_index(candles['close'])",
            "index of float64 that names no candle",
        ),
        (
            "import pandas as pd; return pd.concat([candles[['close']]] * 2)",
            "index label 0 more than once",
        ),
        (
            "return candles.set_index(candles['timestamp'] + __import__('pandas').Timedelta('1s'))",
            "which no candle of its frame has",
        ),
        (
            "import pandas as pd; return pd.concat([candles, candles[['close']]], axis=1)",
            "the column close more than once",
        ),
        ("candles['close'] *= 2; return candles", "in place (close)"),
        ("candles.drop(columns='volume', inplace=True); return candles", "in place (volume)"),
        (
            "import pandas as pd\n    class Odd(pd.DataFrame):\n        @property\n"
            "        def columns(self): raise OSError('no columns')\n    return Odd()",
            "cannot be read: OSError: no columns",
        ),
    ],
)
def test_a_result_that_says_nothing_sure_is_refused(
    worker: Worker, body: str, sentence: str
) -> None:
    assert sentence in worker.run(body)["refused"]


@pytest.mark.parametrize(
    ("body", "reason", "sentence"),
    [
        ("raise KeyError", "pipeline_failed", "KeyError"),
        ("raise SystemExit(3)", "pipeline_failed", "SystemExit: 3"),
        ("raise MemoryError", "memory", "memory_limit_mb"),
    ],
)
def test_what_the_traders_code_raises_is_an_answer(
    worker: Worker, body: str, reason: str, sentence: str
) -> None:
    answer = worker.run(body)
    assert answer["failed"][0] == reason
    assert sentence in answer["failed"][1]
    assert "compute" in answer["traceback"]


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("absent_module:compute", "No module named 'absent_module'"),
        ("math:pi", "pi is float, no function"),
        ("math:nothing", "has no attribute 'nothing'"),
    ],
)
def test_a_pipeline_that_cannot_be_loaded_is_refused(
    worker: Worker, spec: str, sentence: str
) -> None:
    answer = worker.run("return candles", spec=spec)
    assert sentence in answer["refused"]
    assert "correct pipeline or pipeline_path" in answer["refused"]


def test_a_package_of_the_traders_comes_before_ours_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "factors.py").write_text("FACTOR = 2\n")
    worker = Worker(tmp_path)
    body = "from core.factors import FACTOR; return candles[['close']] * FACTOR"
    assert worker.run(body)["matrix"].tolist() == [[6.0], [8.0]]
    assert worker.end()[0] == 0


def test_what_a_dying_worker_printed_last_is_in_the_sentence(tmp_path: Path) -> None:
    worker = WorkerProcess(memory_limit_mb=4096, folder=tmp_path)
    assert worker.call("os:write", (2, b"no disk left\n"), {}, time_limit_s=30) == 13
    with pytest.raises(WorkerError, match=r"exit code 4.*it last printed: no disk left"):
        worker.call("os:_exit", (4,), {}, time_limit_s=30)
    worker.kill()  # once more harms nothing


def test_a_worker_that_died_between_calls_says_so_at_the_next(tmp_path: Path) -> None:
    worker = WorkerProcess(memory_limit_mb=4096, folder=tmp_path)
    worker.end()
    os.waitid(os.P_PID, worker._process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(WorkerError, match="ended with signal SIGKILL"):
        worker.call("math:factorial", (3,), {}, time_limit_s=30)


def test_a_worker_without_memory_to_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="ended with"):
        WorkerProcess(memory_limit_mb=1, folder=tmp_path)


def test_a_worker_that_does_not_start_in_time_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def remember(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(worker_process, "_START_LIMIT_S", 0.0)
    monkeypatch.setattr(subprocess, "Popen", remember)
    with pytest.raises(WorkerError, match="did not start"):
        WorkerProcess(memory_limit_mb=4096, folder=tmp_path)
    assert started[0].returncode == -9


FORKS = """
import os
def compute(candles):
    os.fork()
    return candles[["close"]]
"""
FORKS_AWAY = """
import os, time
def compute(candles):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open("grandchild", "w") as file:
                file.write(str(os.getpid()))
            time.sleep(60)
        os._exit(0)
    while not os.path.exists("grandchild") or not open("grandchild").read():
        time.sleep(0.01)
    return candles[["close"]]
"""
SAYS_MORE = """
import os
def compute(candles):
    for descriptor in range(3, 30):
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("pipe"):
                os.write(descriptor, ANSWER)
        except OSError:
            pass
    return candles[["close"]]
"""


def task(folder: Path, module: str, start: int = 0) -> dict[str, Any]:
    return {
        "spec": f"{module}:compute",
        "pipeline_path": (str(folder),),
        "opens": OPENS + start * 300_000_000,
        "numbers": NUMBERS + start,
        "rows": np.array([3]),
    }


@pytest.fixture
def process(tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(memory_limit_mb=4096, folder=tmp_path)
    yield worker
    worker.kill()


def run_frame_in(worker: WorkerProcess, frame: dict[str, Any]) -> dict[str, Any]:
    name = "core.recompute.frame_task:run_frame"
    return dict(worker.call(name, (frame,), {}, time_limit_s=60))


def test_a_fork_in_feature_code_answers_for_nobody(tmp_path: Path, process: WorkerProcess) -> None:
    """Seen: 28 of 30 stored rows belonged to other candles, and the run was "done"."""
    (tmp_path / "forks.py").write_text(FORKS)
    for start in range(30):
        answer = run_frame_in(process, task(tmp_path, "forks", start))
        assert answer["opens"].tolist() == [int(OPENS[3]) + start * 300_000_000]
        assert answer["matrix"].tolist() == [[4.0 + start]]


def test_what_a_call_left_running_ends_with_the_worker(
    tmp_path: Path, process: WorkerProcess
) -> None:
    (tmp_path / "away.py").write_text(FORKS_AWAY)
    assert run_frame_in(process, task(tmp_path, "away"))["matrix"].tolist() == [[4.0]]
    grandchild = int((tmp_path / "grandchild").read_text())
    os.kill(grandchild, 0)
    process.kill()
    for _ in range(200):
        status = Path(f"/proc/{grandchild}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("a grandchild outlives the worker")


class Opens:
    """What a hostile answer would run, were it unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/align-was-here"),)


@pytest.mark.parametrize(
    "answer",
    [
        pickle.dumps(("done", {"matrix": 1})),
        pickle.dumps(("done", Opens())),
        encode("a guess", "done", {"columns": ["close"]}),
        b"",
        b"\xff" * 40,
    ],
)
def test_an_answer_that_nobody_asked_for_ends_the_worker(
    tmp_path: Path, process: WorkerProcess, answer: bytes
) -> None:
    said = HEADER.pack(len(answer)) + answer
    (tmp_path / "more.py").write_text(SAYS_MORE.replace("ANSWER", repr(said)))
    with pytest.raises(WorkerError, match="was ended"):
        for start in range(2):
            run_frame_in(process, task(tmp_path, "more", start))
    assert not Path("/tmp/align-was-here").exists()


def test_arrays_and_words_cross_the_pipe_bit_for_bit() -> None:
    value: dict[str, Any] = {
        "columns": ("a", "\ud800", "é"),
        "matrix": np.array([[np.nan, -0.0], [np.inf, 1e-320]]),
        "found": np.array([True, False]),
        "rows": np.array([], dtype="int64"),
    }
    token, outcome, back = decode(encode("t", "done", value))
    assert (token, outcome, back["columns"]) == ("t", "done", list(value["columns"]))
    for name in ("matrix", "found", "rows"):
        wanted = np.asarray(value[name])
        assert back[name].dtype == wanted.dtype
        assert back[name].tobytes() == wanted.tobytes()


@pytest.mark.parametrize("kind", ["|O", "<U4", "|V8", "<M8[us]"])
def test_only_numbers_cross_the_pipe(kind: str) -> None:
    with pytest.raises(ValueError, match="is no answer"):
        decode(encode("t", "done", {"x": np.zeros(2, dtype=kind)}))


def test_feature_code_gets_no_secret_of_the_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGN_DATABASE_URL", "postgresql://align:secret@host/align")
    monkeypatch.setenv("BINGX_API_KEY", "secret")
    monkeypatch.setenv("LC_NUMERIC", "C")
    worker = WorkerProcess(memory_limit_mb=4096, folder=tmp_path)
    try:
        known = worker.call("subprocess:getoutput", ("env",), {}, time_limit_s=10)
    finally:
        worker.kill()
    assert "secret" not in str(known)
    assert "LC_NUMERIC" in str(known)


def test_a_process_that_is_gone_has_no_descendants() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert worker_process._descendants(ended.pid) == []
