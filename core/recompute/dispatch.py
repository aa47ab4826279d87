"""Frames to an executor and rows back, a few at a time, until the budget ends."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

import numpy as np

from core.errors import PipelineError
from core.foreign_text import cut_short
from core.recompute.frame_task import run_frame
from core.recompute.recomputed import Collected
from core.recompute.reference_frames import pending
from core.recompute.windows import CandleGrid, Frame
from core.recompute.worker_process import WorkerError

# So many failures and no success: the rest would fail as well.
_HOPELESS = 3
# A cluster's executor limits its calls itself; one that never answers is given up after this.
_PATIENCE = 3.0
_PATIENCE_S = 60.0


def dispatch_frames(
    executor: Executor,
    grid: CandleGrid,
    frames: Sequence[Frame],
    *,
    spec: str,
    pipeline_path: Sequence[str],
    time_limit_s: float,
    deadline: float,
    monotonic: Callable[[], float],
    columns: tuple[str, ...] | None = None,
) -> Iterator[tuple[Frame, Collected]]:
    """Each frame with its rows, in the order of completion; what the deadline cuts off is pending.

    Frames under way at the deadline are waited for, so every call gets
    something done. `columns`: those that rows have to have, where some came before.
    Raises PipelineError when the pipeline breaks the contract of frames or fails on
    each of the first frames; a stretch does neither, it may fail where its windows do not.
    """
    waiting = deque(frames)
    running: dict[Future[dict[str, Any]], tuple[Frame, float]] = {}
    account = _Account(spec, columns, time_limit_s)
    limit_s = time_limit_s * _PATIENCE + _PATIENCE_S
    while waiting or running:
        while (
            waiting
            and len(running) < _width(executor)
            and _may_start(running, monotonic() < deadline, account)
        ):
            frame = waiting.popleft()
            task = _task(grid, frame, spec, pipeline_path)
            running[executor.submit(run_frame, task)] = frame, monotonic()
        if not running:
            break
        done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
        overdue = [f for f, (_, since) in running.items() if monotonic() - since > limit_s]
        for future in [*done, *(f for f in overdue if f not in done)]:
            frame, _ = running.pop(future)
            yield frame, account.batch(grid, frame, future)
        account.check()
    yield from ((frame, pending(grid, [frame])) for frame in waiting)


def _may_start(running: dict[Any, Any], is_in_time: bool, account: "_Account") -> bool:
    return is_in_time or not (running or account.finished)


class _Account:
    """Successes and failures so far, and the columns that every frame must have."""

    def __init__(self, spec: str, columns: tuple[str, ...] | None, time_limit_s: float) -> None:
        self._spec = spec
        self._columns = columns
        self._time_limit_s = time_limit_s
        self._stretches = 0
        self._successes = 0
        self._failures: list[str] = []
        self._traceback: str | None = None

    @property
    def finished(self) -> int:
        return self._successes + len(self._failures) + self._stretches

    def check(self) -> None:
        """Raise PipelineError when nothing but failures ever came back."""
        if self._columns is None and len(self._failures) >= _HOPELESS:
            raise _error(
                f"pipeline {self._spec} failed on each of the first {len(self._failures)} frames: "
                f"{self._failures[0]}",
                self._traceback,
            )

    def batch(self, grid: CandleGrid, frame: Frame, future: Future[dict[str, Any]]) -> Collected:
        """The rows of one finished frame, or why it has none."""
        answer = _answer(future)
        if frame.is_stretch:
            return self._stretch(answer, grid, frame)
        if "refused" in answer:
            raise _error(answer["refused"], answer["traceback"])
        opens = [int(grid.opens[row]) for row in frame.rows]
        failure = answer.get("failed") or _of_other_candles(answer, opens)
        failure = failure or self._other_columns(answer)
        if failure is not None:
            reason, sentence = failure[0], cut_short(failure[1])
            self._failures.append(sentence)
            self._traceback = self._traceback or answer.get("traceback")
            reasons = [(open_us, reason, sentence) for open_us in opens]
            cpu_s = self._time_limit_s if reason == "time_limit" else 0.0
            return Collected(reasons=reasons, traceback=answer.get("traceback"), cpu_s=cpu_s)
        self._successes += 1
        return self._rows(answer, frame, opens)

    def _rows(self, answer: dict[str, Any], frame: Frame, opens: Sequence[int]) -> Collected:
        self._columns = self._columns or tuple(answer["columns"])
        return _batch(answer, frame, opens, self._columns)

    def _stretch(self, answer: dict[str, Any], grid: CandleGrid, frame: Frame) -> Collected:
        """The rows of a stretch as they are: its windows say what they are worth."""
        self._stretches += 1
        opens = [int(grid.opens[row]) for row in frame.rows]
        failure = answer.get("failed") or (
            ("refused", answer["refused"])
            if "refused" in answer
            else _of_other_candles(answer, opens)
        )
        if failure is not None:
            return Collected(reasons=[(open_us, *failure) for open_us in opens])
        return _batch(answer, frame, opens, tuple(answer["columns"]))

    def _other_columns(self, answer: dict[str, Any]) -> tuple[str, str] | None:
        if self._columns is None or set(answer["columns"]) == set(self._columns):
            return None
        lacking = sorted(set(self._columns) - set(answer["columns"]))
        extra = sorted(set(answer["columns"]) - set(self._columns))
        parts = [f"without {', '.join(lacking[:5])}"] if lacking else []
        parts += [f"with {', '.join(extra[:5])}"] if extra else []
        return (
            "other_columns",
            f"this frame came back {' and '.join(parts)}, unlike the first frame; "
            "return the same columns of numbers for every frame",
        )


def _batch(
    answer: dict[str, Any], frame: Frame, opens: Sequence[int], columns: tuple[str, ...]
) -> Collected:
    order = [answer["columns"].index(name) for name in columns]
    batch = Collected(columns=columns, texts=set(answer["texts"]), cpu_s=answer["cpu_s"])
    for i, open_us in enumerate(opens):
        if not answer["found"][i]:
            batch.reasons.append((open_us, "no_row", "the pipeline dropped this candle's row"))
            continue
        values, warming = answer["matrix"][i][order], answer["warming"][i][order]
        batch.add(open_us, values, warming, frame)
    return batch


def _of_other_candles(answer: dict[str, Any], opens: Sequence[int]) -> tuple[str, str] | None:
    if np.array_equal(answer["opens"], opens):
        return None
    return "other_candles", "the answer belongs to other candles than those asked for"


def _answer(future: Future[dict[str, Any]]) -> dict[str, Any]:
    """The worker's answer; a call that ended without one is a failure of its frame."""
    if not future.done():
        future.cancel()
        return {"failed": ("time_limit", "the executor gave no answer in time")}
    error = future.exception()
    if error is None:
        return future.result()
    reason = error.reason if isinstance(error, WorkerError) else "worker_died"
    return {"failed": (reason, str(error) or type(error).__name__)}


def _task(
    grid: CandleGrid, frame: Frame, spec: str, pipeline_path: Sequence[str]
) -> dict[str, Any]:
    return {
        "spec": spec,
        "pipeline_path": tuple(pipeline_path),
        "opens": grid.opens[frame.start : frame.stop],
        "numbers": grid.numbers[frame.start : frame.stop],
        "rows": np.array(frame.rows, dtype=np.int64) - frame.start,
    }


def _width(executor: Executor) -> int:
    """Frames under way at once: one for each worker and one that waits for it."""
    workers = getattr(executor, "workers", None) or getattr(executor, "_max_workers", None)
    return int(workers or 4) + 1


def _error(sentence: str, traceback: str | None) -> PipelineError:
    error = PipelineError(sentence)
    if traceback:
        error.add_note(f"Inside the pipeline:\n{traceback}")
    return error
