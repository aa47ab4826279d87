import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recompute.windows import CandleGrid, Plan, plan_frames
from core.settings import GapPolicy, Mode
from core.times import Timeframe, to_us, us_from_index
from tests.recompute.recompute_world import NOW, make_candles

FIVE = Timeframe.parse("5m")
CANDLES = make_candles(400)


def plan(
    candles: pd.DataFrame,
    rows: list[int],
    lookback_bars: int,
    mode: Mode = Mode.WINDOW,
    gap_policy: GapPolicy = GapPolicy.REFUSE,
) -> Plan:
    return plan_frames(
        CandleGrid.of(candles, FIVE),
        us_from_index(CANDLES["candle_open"])[rows],
        lookback_bars=lookback_bars,
        mode=mode,
        gap_policy=gap_policy,
        now_us=to_us(NOW),
    )


@given(st.integers(0, 399), st.integers(1, 400))
def test_a_window_has_exactly_the_lookback_or_there_is_none(row: int, bars: int) -> None:
    made = plan(CANDLES, [row], bars)
    if row + 1 >= bars:
        assert [(frame.start, frame.stop) for frame in made.frames] == [(row - bars + 1, row + 1)]
    else:
        assert made.frames == []
        assert made.reasons[0][1] == "too_little_history"
        assert f"{row + 1} of {bars} candles" in made.reasons[0][2]


def test_a_days_frame_begins_lookback_before_its_first_candle() -> None:
    made = plan(CANDLES, [290, 399, 300], 100, mode=Mode.FRAME)
    assert [(frame.start, frame.stop, frame.rows) for frame in made.frames] == [
        (288 - 99, 400, (290, 399, 300))
    ]


def test_gap_is_refused_with_its_count_or_reached_over() -> None:
    holed = CANDLES.drop(index=[350, 351])
    refused = plan(holed, [360], 20)
    assert refused.reasons[0][1] == "gap"
    assert "2 candles are missing" in refused.reasons[0][2]
    frame = plan(holed, [360], 20, gap_policy=GapPolicy.ALLOW).frames[0]
    assert (frame.stop - frame.start, frame.missing) == (20, 2)


def test_candle_that_the_source_lacks_is_said() -> None:
    assert plan(CANDLES.drop(index=[350]), [350], 20).reasons[0][1] == "missing_candle"
    assert plan(CANDLES.head(0), [350], 20).reasons[0][1] == "missing_candle"


@given(st.integers(0, 350), st.integers(1, 49), st.integers(0, 399))
def test_content_changes_with_each_candle_inside_and_none_outside(
    start: int, bars: int, changed: int
) -> None:
    stop = start + bars
    more = np.where(CANDLES.index == changed, 1.0, 0.0)
    other = CANDLES.assign(volume=CANDLES["volume"] + more)
    before, after = CandleGrid.of(CANDLES, FIVE), CandleGrid.of(other, FIVE)
    is_same = before.content(start, stop) == after.content(start, stop)
    assert is_same == (not start <= changed < stop)


def test_content_is_of_the_window_wherever_the_history_begins() -> None:
    whole, cut = CandleGrid.of(CANDLES, FIVE), CandleGrid.of(CANDLES.iloc[100:], FIVE)
    assert whole.content(150, 200) == cut.content(50, 100)
    assert whole.content(150, 200) != whole.content(151, 201)


def test_rows_in_any_order_are_the_same_grid_and_twice_is_an_error() -> None:
    shuffled = CANDLES.sample(frac=1, random_state=1)
    assert CandleGrid.of(shuffled, FIVE).content(0, 400) == CandleGrid.of(CANDLES, FIVE).content(
        0, 400
    )
    with pytest.raises(ValueError, match="stands twice"):
        CandleGrid.of(pd.concat([CANDLES, CANDLES.head(1)]), FIVE)
