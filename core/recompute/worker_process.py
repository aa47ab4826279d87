"""One spawned worker, seen from the collector: call it, and kill it when it is overdue."""

import collections
import contextlib
import json
import os
import pickle
import secrets
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from core.recompute.worker import ARRAY, HEADER, READY

_ROOT = Path(__file__).resolve().parents[2]
_START_LIMIT_S = 60.0
_OUTPUT_KEPT = 40
# One frame is one core's work; libraries that start threads of their own would
# make two workers slower than one.
_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)

# What feature code may know of the collector's environment: how to find programs, libraries and
# the user's locale. Secrets and the database's address are not among it.
_PASSED_ON = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
_PASSED_PREFIXES = ("BLIS_", "KMP_", "LC_", "MKL_", "NUMBA_", "OMP_", "OPENBLAS_", "PYTHON")


class WorkerError(Exception):
    """A call that ended without an answer: `reason` is a code, the text a sentence."""

    reason = "worker_died"


class OverdueError(WorkerError):
    """The call took longer than its limit; its worker was killed."""

    reason = "time_limit"


class WorkerProcess:
    """A fresh interpreter (never a fork) that runs one call at a time."""

    def __init__(self, *, memory_limit_mb: int, folder: Path | None = None) -> None:
        # -P: the script's own folder is no place to import from.
        script = [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))]
        self._process = subprocess.Popen(
            [*script, str(memory_limit_mb), str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**_small_environment(), **_ONE_THREAD},
            start_new_session=True,  # Ctrl-C is for the collector; the whole group can be killed
        )
        self._orphans: list[int] = []
        self._output: collections.deque[str] = collections.deque(maxlen=_OUTPUT_KEPT)
        self._drain = threading.Thread(target=self._keep_output, daemon=True)
        self._drain.start()
        if self._read(time.monotonic() + _START_LIMIT_S) != READY:
            self.kill()
            raise WorkerError("a worker process did not start as expected")

    def call(self, name: str, args: Any, kwargs: Any, *, time_limit_s: float) -> Any:
        """Run module:function there; raises OverdueError or WorkerError and is dead then."""
        token = secrets.token_hex(8)
        message = pickle.dumps((token, name, args, kwargs))
        deadline = time.monotonic() + time_limit_s
        self._refuse_unasked()
        try:
            self._stdin().write(HEADER.pack(len(message)) + message)
            self._stdin().flush()
        except OSError as error:
            raise self._died() from error
        answer = self._read(deadline)
        if answer is None:
            self.kill()
            raise OverdueError(
                f"no answer within {time_limit_s:g} s; make the pipeline faster or raise "
                "time_limit_s"
            )
        outcome, value = self._decoded(answer, token)
        if outcome == "raised":
            raise WorkerError(str(value))
        return value

    def _decoded(self, answer: bytes, token: str) -> tuple[str, Any]:
        try:
            said, outcome, value = decode(answer)
        except (ValueError, TypeError, LookupError, RecursionError, struct.error) as error:
            self.kill()
            raise WorkerError("the worker's answer cannot be read; it was ended") from error
        if said != token:
            self.kill()
            raise WorkerError("the worker answered another call than its own; it was ended")
        return outcome, value

    def _refuse_unasked(self) -> None:
        """What stands on the pipe before a call was said by nobody who was asked."""
        stream: Any = self._process.stdout
        if select.select([stream.fileno()], [], [], 0)[0]:
            if not os.read(stream.fileno(), 1):
                raise self._died()
            self.kill()
            raise WorkerError("the worker answered a call twice; it was ended")

    def end(self) -> None:
        """Kill the worker and all it started; a call under way then fails. Any thread may call."""
        self._orphans += _descendants(self._process.pid)
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        for process in self._orphans:  # those that left the group
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)

    def kill(self) -> None:
        """End the worker and close its pipes, by the thread that calls it; safe to call twice."""
        if self._process.returncode is not None:
            return
        self.end()
        self._process.wait()
        for process in self._orphans:  # ours to collect where this process is a container's first
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)
        self._drain.join(timeout=1)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                _close(stream)

    def _stdin(self) -> Any:
        return self._process.stdin

    def _read(self, deadline: float) -> bytes | None:
        """One whole answer, None when the deadline passes; raises WorkerError at its death."""
        header = self._read_exactly(HEADER.size, deadline)
        if header is None:
            return None
        return self._read_exactly(HEADER.unpack(header)[0], deadline)

    def _read_exactly(self, size: int, deadline: float) -> bytes | None:
        stream: Any = self._process.stdout
        descriptor = stream.fileno()
        received = bytearray()
        while len(received) < size:
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([descriptor], [], [], rest)[0]:
                return None
            chunk = os.read(descriptor, size - len(received))
            if not chunk:
                raise self._died()
            received += chunk
        return bytes(received)

    def _died(self) -> WorkerError:
        self.kill()
        code = self._process.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = f"; it last printed: {self._output[-1]}" if self._output else ""
        return WorkerError(f"the worker process ended with {how} inside the pipeline{said}")

    def _keep_output(self) -> None:
        stream: Any = self._process.stderr
        try:
            while chunk := os.read(stream.fileno(), 65536):
                lines = chunk.decode(errors="replace").splitlines()
                self._output.extend(line[:500] for line in lines if line.strip())
        except (OSError, ValueError):  # closed by kill()
            return


def decode(answer: bytes) -> tuple[str, str, Any]:
    """Token, outcome and value of an encoded answer; raises ValueError, TypeError, LookupError."""
    (length,) = HEADER.unpack_from(answer)
    start = HEADER.size + length

    def place(entry: dict[str, Any]) -> Any:
        if ARRAY not in entry:
            return entry
        kind, shape = entry[ARRAY]
        dtype = np.dtype(kind)
        if dtype.kind not in "biuf":
            raise ValueError(f"an array of {kind} is no answer")
        nonlocal start
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(answer, dtype, count, start).reshape(shape).copy()
        start += array.nbytes
        return array

    token, outcome, value = json.loads(answer[HEADER.size : start], object_hook=place)
    if start != len(answer):
        raise ValueError("bytes behind the last array")
    return token, outcome, value


def _small_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_PREFIXES)
    }


def _descendants(process: int) -> list[int]:
    """Processes below this one, as Linux tells them; elsewhere none are known."""
    processes: list[int] = []
    waiting = [process]
    while waiting:
        tasks = f"/proc/{waiting.pop()}/task"
        try:
            for task in os.listdir(tasks):
                text = Path(tasks, task, "children").read_text()
                below = [int(number) for number in text.split()]
                processes += below
                waiting += below
        except OSError:  # ended meanwhile, or no Linux
            continue
    return processes


def _close(stream: Any) -> None:
    try:
        stream.close()
    except OSError:  # a broken pipe with unsent bytes
        return
