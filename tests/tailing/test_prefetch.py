import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from core.tailing.prefetch import prefetch


def test_items_come_in_order() -> None:
    assert list(prefetch(lambda: iter(range(50)))) == list(range(50))
    assert list(prefetch(lambda: iter(()))) == []


def test_an_error_comes_where_its_item_would_have() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("gone")

    items = prefetch(broken)
    assert next(items) == 1
    with pytest.raises(KeyError, match="gone"):
        next(items)


def test_only_so_many_items_are_made_ahead() -> None:
    made: list[int] = []

    def count() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with closing(prefetch(count, ahead=2)) as items:
        next(items)
        time.sleep(0.3)
        assert len(made) <= 5


def test_a_consumer_that_stops_ends_the_thread_and_closes_its_source() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    with closing(prefetch(endless)) as items:
        next(items)
    assert closed.wait(60)
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]
