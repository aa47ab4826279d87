"""Prices that are no closes: which of them no market can have written."""

import numpy as np
import pytest

from core.arrays import Flags, Floats
from core.diagnosis.evidence.drawn import drawn_rows, straight_rows
from core.diagnosis.evidence.evidence import PriceRows
from core.diagnosis.evidence.rows import CandleRows

STEP = 300_000_000
COUNT = 100
RUN = slice(40, 49)
RANGE = 40.0  # high − low of every candle


def _flat() -> Floats:
    return np.full(COUNT, 100_000.0)


def _drawn(prices: Floats, closes: Floats, off: list[int]) -> Flags:
    """Which rows are drawn, of those `off` the closes."""
    opens = np.arange(COUNT, dtype="int64") * STEP
    half = RANGE / 2
    values = np.column_stack([closes, closes + half, closes - half, closes, np.ones(COUNT)])
    rows = PriceRows(log="text", opens=opens, prices=prices, steps=np.full(COUNT, 0.1))
    unmatched = np.isin(np.arange(COUNT), off)
    return drawn_rows(rows, unmatched, CandleRows(opens, values), STEP, 0)


def _changes() -> tuple[Floats, Floats]:
    """Changes of a market over the run, and as large ones that have nothing to do with them."""
    market, other = np.random.default_rng(5).normal(0, 10, (2, RUN.stop - RUN.start - 1))
    market, other = market - market.mean(), other - other.mean()
    other -= market * (other @ market) / (market @ market)
    return market, other * np.sqrt((market @ market) / (other @ other))


def _moving() -> Floats:
    closes = _flat()
    closes[RUN] += np.concatenate([[0.0], np.cumsum(_changes()[0])])
    return closes


def _market() -> Floats:
    """Closes that move by some ten a bar, in steps of a tenth."""
    moves = np.random.default_rng(7).normal(0, 10, COUNT).round(1)
    return np.asarray(_flat() + moves.cumsum())


@pytest.mark.parametrize(("rows", "is_drawn"), [(7, False), (8, True)])
def test_a_frozen_price_is_drawn_from_eight_rows_in_a_row(rows: int, is_drawn: bool) -> None:
    prices, off = _market(), list(range(40, 40 + rows))
    prices[off] = prices[39] + 10.0
    assert _drawn(prices, _market(), off)[off].tolist() == [is_drawn] * rows


def test_a_feed_that_stood_still_at_the_last_close_was_drawn_by_nobody() -> None:
    prices, off = _market(), list(range(40, 60))
    prices[off] = prices[39]
    assert not _drawn(prices, _market(), off).any()


@pytest.mark.parametrize("seed", range(10))
def test_another_venue_of_a_slow_market_with_a_coarse_tick_is_not_drawn(seed: int) -> None:
    """Both lie on straight lines by themselves: most bars they do not move at all."""
    moves = np.random.default_rng(seed).choice([-20.0, 0.0, 20.0], COUNT, p=[0.1, 0.8, 0.1])
    closes = _flat() + moves.cumsum()
    other = _flat() + np.roll(moves, 1).cumsum() + 20.0
    assert not _drawn(other, closes, np.flatnonzero(other != closes).tolist()).any()


@pytest.mark.parametrize("seed", range(10))
def test_a_mark_price_in_steps_wider_than_the_market_moves_is_not_drawn(seed: int) -> None:
    closes = _flat() + np.random.default_rng(seed).normal(0, 10, COUNT).round(1).cumsum()
    mark = np.round(closes / 50) * 50
    assert not _drawn(mark, closes, np.flatnonzero(mark != closes).tolist()).any()


@pytest.mark.parametrize(("correlation", "is_drawn"), [(0.55, False), (0.45, True)])
def test_a_run_follows_the_market_from_a_correlation_of_a_half(
    correlation: float, is_drawn: bool
) -> None:
    market, other = _changes()
    mine = correlation * market + np.sqrt(1 - correlation**2) * other
    prices = _flat()
    prices[RUN] += np.concatenate([[0.0], np.cumsum(mine)])
    drawn = _drawn(prices, _moving(), list(range(RUN.start, RUN.stop)))
    assert set(drawn[RUN].tolist()) == {is_drawn}


@pytest.mark.parametrize(("ranges", "is_drawn"), [(2.9, False), (3.1, True)])
def test_another_venue_lies_within_three_candle_ranges(ranges: float, is_drawn: bool) -> None:
    prices = _moving()
    prices[RUN] += ranges * RANGE
    drawn = _drawn(prices, _moving(), list(range(RUN.start, RUN.stop)))
    assert set(drawn[RUN].tolist()) == {is_drawn}


@pytest.mark.parametrize(("ranges", "is_drawn"), [(0.45, False), (0.55, True)])
def test_a_row_of_its_own_is_drawn_half_a_range_beyond_its_neighbourhood(
    ranges: float, is_drawn: bool
) -> None:
    prices = _flat()
    prices[50] += RANGE / 2 + ranges * RANGE
    assert _drawn(prices, _flat(), [50])[50] == is_drawn


@pytest.mark.parametrize(("scattered", "is_drawn"), [(5, True), (6, False)])
def test_scattered_rows_beside_a_drawn_run_count_while_they_are_few(
    scattered: int, is_drawn: bool
) -> None:
    prices, run = _market(), list(range(40, 50))
    alone = list(range(60, 60 + 3 * scattered, 3))
    prices[run] = prices[39] + 10.0
    prices[alone] += 10.0
    drawn = _drawn(prices, _market(), [*run, *alone])
    assert drawn[run].all()
    assert set(drawn[alone].tolist()) == {is_drawn}


@pytest.mark.parametrize(
    ("straight", "jitter", "is_drawn"), [(9, 0.4, False), (10, 0.4, True), (10, 0.0, False)]
)
def test_a_run_on_lines_for_half_of_its_rows_is_drawn_where_the_market_is_on_none(
    straight: int, jitter: float, is_drawn: bool
) -> None:
    zigzag = [9.0, -5.0, 7.0, -8.0, 6.0, -9.0, 8.0, -6.0, 5.0, -7.0]
    steps = np.array([3.0] * (straight + 1) + zigzag)[:19]
    closes = _market()
    closes[40:60] = closes[39] + np.concatenate([[0.0], np.cumsum(steps)])
    prices = closes.copy()
    prices[40:60] += 10.0
    closes[40:60] += jitter * (-1.0) ** np.arange(20)
    drawn = _drawn(prices, closes, list(range(40, 60)))
    assert set(drawn[40:60].tolist()) == {is_drawn}


def test_a_hole_of_over_an_hour_ends_a_run() -> None:
    # Two runs of five rows each: neither is long enough to say anything.
    opens = np.arange(COUNT, dtype="int64") * STEP
    opens[45:] += 13 * STEP
    closes = _market()
    values = np.column_stack([closes, closes + 20, closes - 20, closes, np.ones(COUNT)])
    prices = closes.copy()
    prices[40:50] = prices[39] + 10.0
    rows = PriceRows(log="text", opens=opens, prices=prices, steps=np.full(COUNT, 0.1))
    unmatched = prices != closes
    assert not drawn_rows(rows, unmatched, CandleRows(opens, values), STEP, 0).any()
    together = PriceRows(
        log="text", opens=np.arange(COUNT, dtype="int64") * STEP, prices=prices, steps=rows.steps
    )
    candles = CandleRows(together.opens, values)
    assert drawn_rows(together, unmatched, candles, STEP, 0)[40:50].all()


def test_where_every_price_is_a_close_nothing_is_drawn() -> None:
    assert not _drawn(_flat(), _flat(), []).any()


def test_a_line_is_straight_to_the_last_printed_digit() -> None:
    opens = np.arange(5, dtype="int64") * STEP
    prices = np.array([1.0, 2.0, 3.19, 4.2, 9.0])
    rows = PriceRows(log="t", opens=opens, prices=prices, steps=np.full(5, 0.1))
    assert straight_rows(rows).tolist() == [False, True, True, False, False]
    two = PriceRows(log="t", opens=opens[:2], prices=prices[:2], steps=rows.steps[:2])
    assert not straight_rows(two).any()
