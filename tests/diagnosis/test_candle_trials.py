from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from core.bundle.load import load_bundle
from core.diagnosis.candle_trials import can_climb, candle_trials, climb_ladder, curve_lookbacks
from core.market import Side
from core.settings import Mode
from core.times import Timeframe
from reference_pipeline.pipeline import compute
from tests.recompute.recompute_world import NOW, make_bundle, make_candles

SPECS = {
    "replay": {},
    "short": {"pipeline": "reference", "lookback_bars": 300, "mode": "window"},
    "true": {"pipeline": "reference", "lookback_bars": 600, "mode": "window"},
    "frame": {"pipeline": "reference", "lookback_bars": 600, "mode": "frame"},
}


def pairs(sizes: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"comparison": name, "abs_diff": size} for name, one in sizes.items() for size in (one, 0)]
    )


def test_other_backtests_are_trials_on_the_candle_best_first() -> None:
    found = candle_trials("short", SPECS, pairs({"short": 0.6, "true": 0.0, "frame": 0.4}))
    assert [trial.comparison for trial in found] == ["true", "frame"]
    assert found[0].removes_all and len(found[0].changes) == 1
    assert found[0].changes == {"lookback_bars": (300, 600)}
    assert not found[1].removes_all
    assert found[1].before == pytest.approx(0.6)


def test_the_replay_is_no_trial_and_an_aligned_candle_needs_none() -> None:
    found = candle_trials("true", SPECS, pairs({"replay": 0.0, "true": 0.0, "short": 0.5}))
    assert [trial.comparison for trial in found] == ["short"]
    assert not found[0].removes_all
    assert candle_trials("frame", SPECS, pairs({"true": 0.1})) == ()


def test_only_the_own_pipeline_is_run_for_a_reader() -> None:
    assert can_climb(SPECS["true"])
    assert not can_climb({"pipeline": "my_bot.features:compute"})
    assert not can_climb({"signals": "a.csv"})


def test_the_curve_reaches_five_days_in_few_rungs_that_at_most_double() -> None:
    rungs = curve_lookbacks(None)
    assert {100, 200, 300, 500, 1000} <= set(rungs)  # what bots are usually set to
    assert max(rungs) == max(curve_lookbacks(300)) == 5 * 288
    assert all(low < high <= 2 * low for low, high in pairwise(rungs))
    assert len(rungs) <= 18  # each is computed while a reader waits


def test_the_curve_has_steps_around_the_own_lookback_and_reaches_it() -> None:
    assert {300, 450, 600} <= set(curve_lookbacks(300))
    assert max(curve_lookbacks(2880)) == 2880


def test_each_rung_of_the_ladder_scores_the_candle_from_its_own_history(tmp_path: Path) -> None:
    features = ("ema_12_distance_pct", "rsi_14")
    bundle = load_bundle(make_bundle(tmp_path / "bundle", features))
    candles = make_candles(120)
    opened = candles["candle_open"].iloc[99]
    found = climb_ladder(
        bundle,
        candles,
        opened.to_pydatetime(),
        lookbacks=(100, 5, 60, 60, 101),  # 5: RSI still warms up; 101: not so many before it
        mode=Mode.WINDOW,
        timeframe=Timeframe.parse("5m"),
        now=NOW,
    )
    assert list(zip(found["lookback_bars"], found["side"], strict=True)) == [
        (60, "LONG"), (60, "SHORT"), (100, "LONG"), (100, "SHORT"),
    ]  # fmt: skip
    frame = candles.rename(columns={"candle_open": "timestamp"}).iloc[40:100]
    row = compute(frame.reset_index(drop=True))[list(features)].tail(1).to_numpy()
    for side in (Side.LONG, Side.SHORT):
        expected = bundle.sides[side].score(row)[0]
        scored = found[(found["lookback_bars"] == 60) & (found["side"] == str(side))]
        assert scored["probability"].tolist() == [expected]


def test_equals_are_ranked_by_how_little_they_change() -> None:
    specs = {
        **SPECS,
        "two": {"pipeline": "own:compute", "lookback_bars": 600, "mode": "window"},
    }
    found = candle_trials("short", specs, pairs({"short": 0.6, "two": 0.0, "true": 0.0}))
    assert [trial.comparison for trial in found] == ["true", "two"]
    assert [len(trial.changes) for trial in found] == [1, 2]


def test_what_differs_by_less_than_the_floor_is_removed_and_was_no_difference_before() -> None:
    found = candle_trials("short", SPECS, pairs({"short": 0.6, "true": 9e-7, "frame": 2e-6}))
    assert [trial.removes_all for trial in found] == [True, False]
    equal = candle_trials("short", SPECS, pairs({"short": 9e-7, "true": 0.0}))
    assert not equal[0].removes_all
