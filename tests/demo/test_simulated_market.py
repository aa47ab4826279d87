"""The simulated market: deterministic, extendable, and candles that hold together."""

from datetime import UTC, datetime

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from core.times import Timeframe
from demo.simulated_market import STEPS, TICK, simulate_candles, simulate_market

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
FIVE = Timeframe.parse("5m")


def test_a_longer_simulation_begins_with_the_shorter_one() -> None:
    short = simulate_candles(7, FIRST, 500, FIVE)
    long = simulate_candles(7, FIRST, 1200, FIVE)
    assert_frame_equal(long.head(500), short)


def test_another_seed_is_another_market() -> None:
    assert not simulate_candles(7, FIRST, 50, FIVE).equals(simulate_candles(8, FIRST, 50, FIVE))


def test_candles_hold_together() -> None:
    candles = simulate_candles(3, FIRST, 3000, FIVE)
    assert (candles["high"] >= candles[["open", "close"]].max(axis=1)).all()
    assert (candles["low"] <= candles[["open", "close"]].min(axis=1)).all()
    assert (candles["volume"] > 0).all()
    assert (candles["open"].to_numpy()[1:] == candles["close"].to_numpy()[:-1]).all()
    ticks = candles[["open", "high", "low", "close"]].to_numpy() / TICK
    assert np.abs(ticks - np.round(ticks)).max() < 1e-6


def test_volatility_comes_in_clusters_and_volume_has_a_day() -> None:
    candles = simulate_candles(3, FIRST, 288 * 30, FIVE)
    returns = np.abs(np.log((candles["close"] / candles["open"]).to_numpy()))
    assert np.corrcoef(returns[1:], returns[:-1])[0, 1] > 0.1
    by_hour = candles.groupby(candles["candle_open"].dt.hour)["volume"].median()
    assert by_hour[14] > 1.5 * by_hour[2]


def test_an_unfinished_candle_lies_inside_the_closed_one() -> None:
    market = simulate_market(3, FIRST, 300, FIVE)
    closed, unfinished = market.candles(), market.candles(STEPS - 2)
    assert (unfinished["open"] == closed["open"]).all()
    assert (unfinished["high"] <= closed["high"]).all()
    assert (unfinished["low"] >= closed["low"]).all()
    assert (unfinished["volume"] < closed["volume"]).mean() > 0.99


def test_a_bar_is_found_by_its_open() -> None:
    market = simulate_market(3, FIRST, 20, FIVE)
    assert market.position(market.opens[13].to_pydatetime()) == 13


def test_a_first_open_beside_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="5m grid"):
        simulate_market(3, datetime(2026, 1, 5, 0, 1, tzinfo=UTC), 20, FIVE)
