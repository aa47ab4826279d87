import itertools

from hypothesis import given
from hypothesis import strategies as st

from core.recompute.order import order_candles, spread_order


def test_flagged_and_newest_come_in_turn_then_the_spread() -> None:
    wanted = list(range(1000))
    order = order_candles(wanted, flagged=[500, 20, 5000])
    assert order[:6] == [500, 999, 20, 998, 997, 996]


def test_what_failed_before_comes_last() -> None:
    assert order_candles([1, 2, 3], flagged=[3], postponed=[3])[-1] == 3


def test_any_beginning_of_the_spread_covers_the_whole_window() -> None:
    first = sorted(spread_order(10_000)[:64])
    assert first[0] < 200
    assert first[-1] > 9_600
    assert max(b - a for a, b in itertools.pairwise(first)) < 600


@given(
    st.sets(st.integers(0, 5000), max_size=600),
    st.lists(st.integers(0, 5000), max_size=300, unique=True),
    st.sets(st.integers(0, 5000), max_size=50),
)
def test_every_wanted_candle_has_exactly_one_place(
    wanted: set[int], flagged: list[int], postponed: set[int]
) -> None:
    assert sorted(order_candles(sorted(wanted), flagged, sorted(postponed))) == sorted(wanted)
