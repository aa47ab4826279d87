"""What is read of stored candles beside their values."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from core.candles.reads import revised_candles
from core.candles.writes import ensure_source, store_candles
from tests.candles.factories import make_candles

NOW = datetime(2025, 11, 10, tzinfo=UTC)


def test_a_candle_that_a_later_pull_contradicts_is_revised(engine: sa.Engine) -> None:
    candles = make_candles()
    other = candles.assign(high=candles["high"] + [0.0, 0.0, 0.5, 0.0, 0.5, 0.0])
    later = NOW + timedelta(hours=1)
    with engine.begin() as connection:
        source = ensure_source(connection, 1, "pulls")
        store_candles(connection, source, candles, origin="a", now=NOW)
        assert revised_candles(connection, 1, NOW) == 0
        store_candles(connection, source, other, origin="b", now=later)
        assert revised_candles(connection, 1, later) == 2
        assert revised_candles(connection, 1, later + timedelta(seconds=1)) == 0
        assert revised_candles(connection, 2, NOW) == 0
