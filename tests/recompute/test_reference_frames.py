"""The reference over planned frames: every row as the whole frame gives it, within the budget."""

import numpy as np
import pandas as pd

from core.recompute.compute import Request
from core.recompute.pipeline import load_pipeline
from core.recompute.recompute import recompute_features
from core.settings import Mode
from core.times import Timeframe
from reference_pipeline.pipeline import compute
from tests.recompute.recompute_world import NOW, make_candles

FIVE = Timeframe.parse("5m")


def test_a_days_rows_are_those_of_its_one_frame() -> None:
    candles = make_candles(400)
    opens = pd.DatetimeIndex(candles["candle_open"].iloc[[300, 350, 399]])  # of the second day
    result = recompute_features(
        Request(
            pipeline=load_pipeline("reference", ()),
            lookback_bars=100,
            mode=Mode.FRAME,
            timeframe=FIVE,
        ),
        candles,
        opens,
        now=NOW,
    )
    frame = candles.rename(columns={"candle_open": "timestamp"}).iloc[288 - 99 :]
    expected = compute(frame.reset_index(drop=True)).iloc[[111, 161, 210]]
    np.testing.assert_array_equal(result.features.to_numpy(), expected.to_numpy())
    assert result.reasons.empty


def test_what_the_budget_does_not_reach_is_pending_and_never_lost() -> None:
    candles = make_candles(1000)
    wanted = pd.DatetimeIndex(candles["candle_open"].iloc[49:])
    result = recompute_features(
        Request(
            pipeline=load_pipeline("reference", ()), lookback_bars=50, timeframe=FIVE, budget_s=0.0
        ),
        candles,
        wanted,
        now=NOW,
    )
    pending = result.reasons[result.reasons["reason"] == "pending"]
    assert len(result.features) == 512  # one batch is always computed
    assert len(pending) == len(wanted) - 512
    assert not set(pending["candle_open"]) & set(result.features.index)
