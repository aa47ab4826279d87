"""Work on one block while the next is being read."""

import threading
from collections.abc import Callable, Generator, Iterator
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

Item = TypeVar("Item")
_POLL_S = 0.1


class _Failure(Generic[Item]):
    def __init__(self, error: BaseException) -> None:
        self.error = error


def prefetch(source: Callable[[], Iterator[Item]], ahead: int = 2) -> Generator[Item, None, None]:
    """The items of `source()`, made in a thread of its own, at most `ahead` of the consumer.

    An error of the source is raised where its item would have come. A consumer that
    stops early ends the thread.
    """
    queue: Queue[Item | _Failure[Item] | None] = Queue(maxsize=ahead)
    stop = threading.Event()

    def put(item: Item | _Failure[Item] | None) -> None:
        while not stop.is_set():
            try:
                return queue.put(item, timeout=_POLL_S)
            except Full:
                continue

    def work() -> None:
        try:
            for item in source():
                put(item)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # handed over, and raised by the consumer
            put(_Failure(error))

    worker = threading.Thread(target=work, name="prefetch", daemon=True)
    worker.start()
    try:
        yield from _consume(queue, worker)
    finally:
        stop.set()
        worker.join()


def _consume(
    queue: "Queue[Item | _Failure[Item] | None]", worker: threading.Thread
) -> Iterator[Item]:
    while True:
        try:
            item = queue.get(timeout=_POLL_S)
        except Empty:
            if not worker.is_alive() and queue.empty():
                raise RuntimeError("the reading thread ended without a word") from None
            continue
        if item is None:
            return
        if isinstance(item, _Failure):
            raise item.error
        yield item
