import pytest

from core.times import Timeframe


def test_candles_without_a_length_are_none() -> None:
    with pytest.raises(ValueError, match="has a length of 0 s"):
        Timeframe("0m", 0)
