"""How the benchmarks measure: turn by turn, CPU of children included, with the range shown."""

import os
import sys
import time

import pytest

from benchmarks.figures import Spread, cpu_of, cpu_of_command, idle_ratio, in_turn, process_cpu_s

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_a_ratio_is_taken_turn_by_turn() -> None:
    ratio = Spread((2.0, 30.0, 4.0)) / Spread((1.0, 10.0, 1.0))
    assert ratio == Spread((2.0, 3.0, 4.0))
    assert ratio.median == 3.0
    assert str(ratio).split() == ["3.000", "(2.000", "to", "4.000)"]


def test_ways_take_turns_and_what_comes_before_is_not_counted() -> None:
    order = []

    def prepare() -> None:
        order.append("before")
        _burn(0.2)

    spent = in_turn(2, {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, prepare)
    assert order == ["before", "a", "b"] * 2
    assert all(max(spread.values) < 0.1 for spread in spent.values())


def test_waiting_costs_nothing_and_a_child_counts() -> None:
    assert cpu_of(lambda: time.sleep(0.3)) < 0.1
    assert cpu_of_command([sys.executable, "-c", BURN], turns=1).median >= 0.3


def test_a_running_process_is_asked_for_its_cpu() -> None:
    before = process_cpu_s(os.getpid())
    _burn(0.2)
    assert process_cpu_s(os.getpid()) - before == pytest.approx(0.2, abs=0.1)


def test_the_idle_share_is_one() -> None:
    assert 0.0 <= idle_ratio(0.2) <= 1.0


def _burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
