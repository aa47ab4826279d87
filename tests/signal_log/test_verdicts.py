from typing import Any

from core.market import Side
from core.signal_log.verdicts import Line, judge_candle
from core.tailing.precedence import Status


def line(number: int, long: float | None, short: float | None = None, **more: Any) -> Line:
    return Line(id=number, long=long, short=short, price=more.pop("price", None), **more)


def test_the_first_line_counts_and_repeats_are_duplicates_or_conflicts() -> None:
    verdict = judge_candle([line(1, 0.5, 0.1), line(2, 0.5, 0.1), line(3, 0.6, 0.1)])
    assert verdict.winners[Side.LONG].id == 1
    assert verdict.statuses == [Status.USED, Status.DUPLICATE, Status.CONFLICT]


def test_each_side_may_come_from_a_log_of_its_own() -> None:
    verdict = judge_candle([line(1, 0.5), line(2, None, 0.1), line(3, 0.5, 0.1)])
    assert verdict.winners[Side.LONG].id == 1
    assert verdict.winners[Side.SHORT].id == 2
    assert verdict.statuses == [Status.USED, Status.USED, Status.DUPLICATE]


def test_equal_at_the_coarser_printed_digits_is_equal() -> None:
    rounded = line(1, 0.1381, long_step=1e-4)
    fine = line(2, 0.13812, long_step=None)
    other = line(3, 0.1383, long_step=1e-5)
    assert judge_candle([rounded, fine, other]).statuses == [
        Status.USED,
        Status.DUPLICATE,
        Status.CONFLICT,
    ]


def test_another_price_is_a_conflict() -> None:
    assert judge_candle([line(1, 0.5, price=10.0), line(2, 0.5, price=11.0)]).statuses[1] is (
        Status.CONFLICT
    )
    assert judge_candle([line(1, 0.5, price=10.0), line(2, 0.5)]).statuses[1] is Status.DUPLICATE
