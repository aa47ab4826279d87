import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from core.alignment.day_block import pack_pairs, unpack_pairs

PROBABILITY = st.floats(min_value=0, max_value=1)


def pairs(
    production: list[float], backtest: list[float], decided: list[bool | None]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candle_open": pd.date_range(
                "2025-11-03", periods=len(production), freq="5min", tz="UTC"
            ),
            "probability_production": production,
            "probability_backtest": backtest,
            "is_aligned": [abs(p - b) <= 0.1 for p, b in zip(production, backtest, strict=True)],
            "flip": [p >= 0.7 for p in production],
            "decision_flip": pd.array(decided, dtype="boolean"),
        }
    )


@given(rows=st.lists(st.tuples(PROBABILITY, PROBABILITY, st.sampled_from([True, False, None]))))
def test_a_block_gives_back_every_pair_bit_for_bit(
    rows: list[tuple[float, float, bool | None]],
) -> None:
    frame = pairs([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
    back = unpack_pairs([("LONG", pack_pairs(frame))])
    assert np.array_equal(back["production"], frame["probability_production"])
    assert np.array_equal(back["backtest"], frame["probability_backtest"])
    assert list(back["candle_open"]) == list(frame["candle_open"])
    assert list(back["is_aligned"]) == list(frame["is_aligned"])
    assert list(back["flip"]) == list(frame["flip"])
    assert back["decision_flip"].equals(frame["decision_flip"])


def test_blocks_of_several_days_and_sides_come_in_the_order_given() -> None:
    long = pairs([0.8, 0.2], [0.6, 0.2], [True, None])
    short = pairs([0.1], [0.4], [False])
    back = unpack_pairs([("LONG", pack_pairs(long)), ("SHORT", pack_pairs(short))])
    assert list(back["side"]) == ["LONG", "LONG", "SHORT"]
    assert np.allclose(back["diff"], [0.2, 0.0, -0.3])
    assert np.allclose(back["abs_diff"], [0.2, 0.0, 0.3])


def test_no_block_is_an_empty_frame_with_every_column() -> None:
    empty = unpack_pairs([])
    assert empty.empty
    assert {"candle_open", "side", "production", "backtest", "diff", "flip"} <= set(empty.columns)
    assert str(empty["candle_open"].dtype) == "datetime64[us, UTC]"
