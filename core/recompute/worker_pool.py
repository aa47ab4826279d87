"""An Executor over spawned workers that can end a call that takes too long.

concurrent.futures' own process pool cannot: a call that never returns keeps its
process, and a call that kills its process breaks the whole pool.
"""

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, TypeVar

from core.recompute.worker_process import WorkerError, WorkerProcess

_Value = TypeVar("_Value")
_Call = tuple[Future[Any], str, tuple[Any, ...], dict[str, Any]]
DEFAULT_MEMORY_LIMIT_MB = 4096


class WorkerPool(Executor):
    """Local worker processes, started when there is work for them.

    A call that is overdue (OverdueError) or ends its process (WorkerError)
    fails alone; its worker is replaced. Functions must be importable by name.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        time_limit_s: float,
        memory_limit_mb: int = DEFAULT_MEMORY_LIMIT_MB,
        folder: Path | None = None,
    ) -> None:
        self.workers = workers or max(1, os.cpu_count() or 1)
        self._time_limit_s = time_limit_s
        self._memory_limit_mb = memory_limit_mb
        self._folder = folder
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._is_shut = False
        self._is_killed = False
        self._running: set[WorkerProcess] = set()

    def submit(self, fn: Callable[..., _Value], /, *args: Any, **kwargs: Any) -> Future[_Value]:
        with self._lock:
            if self._is_shut:
                raise RuntimeError("the worker pool was shut down")
            future: Future[_Value] = Future()
            self._calls.put((future, f"{fn.__module__}:{fn.__qualname__}", args, kwargs))
            if len(self._threads) < self.workers:
                thread = threading.Thread(target=self._serve, daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._is_shut = True
            if cancel_futures:
                self._cancel_waiting()
            for _ in self._threads:
                self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """Stop at once: waiting calls are cancelled, running ones fail, workers are killed."""
        self.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._is_killed = True
            for worker in self._running:
                worker.end()
        for thread in self._threads:
            thread.join()

    def _cancel_waiting(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            if call is not None:
                call[0].cancel()

    def _serve(self) -> None:
        worker: WorkerProcess | None = None
        while (call := self._calls.get()) is not None:
            if call[0].set_running_or_notify_cancel():
                worker = self._answer(worker, call)
        self._discard(worker)

    def _answer(self, worker: WorkerProcess | None, call: _Call) -> WorkerProcess | None:
        """Run one call; returns the worker that is still good for the next one."""
        future, name, args, kwargs = call
        try:
            worker = worker or self._start()
            future.set_result(worker.call(name, args, kwargs, time_limit_s=self._time_limit_s))
        except WorkerError as error:
            self._discard(worker)
            future.set_exception(error)
            return None
        except Exception as error:  # e.g. a call that cannot be pickled: the caller's to handle
            future.set_exception(error)
        return worker

    def _start(self) -> WorkerProcess:
        worker = WorkerProcess(memory_limit_mb=self._memory_limit_mb, folder=self._folder)
        with self._lock:
            self._running.add(worker)
            if not self._is_killed:
                return worker
        self._discard(worker)
        raise WorkerError("the worker pool was stopped")

    def _discard(self, worker: WorkerProcess | None) -> None:
        if worker is not None:
            worker.kill()
            with self._lock:
                self._running.discard(worker)
