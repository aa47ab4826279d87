import pandas as pd
import pytest

from core.alignment.candle_trials import can_climb, candle_trials

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
    assert found[0].removes_all and found[0].is_single_change
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
