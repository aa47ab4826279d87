import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PipelineError
from reference_pipeline.features import CATALOGUE, Reach, Unit
from reference_pipeline.pipeline import FEATURES, WARM_UP_BARS, compute, compute_windows
from tests.random_candles import COLUMNS, random_candles
from tests.real import REAL, needs_real

pytestmark = pytest.mark.slow

PRICES = st.floats(min_value=0.0, max_value=1e9, width=64)
ODD_NUMBERS = st.one_of(
    PRICES, st.sampled_from([0.0, 1.0, 2.0, 1e-300, 1e300, np.nan, np.inf, -np.inf])
)


def slow_windows(candles: pd.DataFrame, ends: list[int], lookback_bars: int) -> npt.NDArray[Any]:
    """What compute_windows promises, spelled out."""
    rows = [
        compute(candles.iloc[end - lookback_bars + 1 : end + 1].reset_index(drop=True)).iloc[-1]
        for end in ends
    ]
    return np.array(rows, dtype=np.float64).reshape(len(ends), len(FEATURES))


def assert_same_bits(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> None:
    """Equal to the bit (−0.0 is not 0.0), NaN equal to NaN; names the features that are not."""
    left = np.where(np.isnan(left), np.nan, left)
    right = np.where(np.isnan(right), np.nan, right)
    assert left.shape == right.shape
    differs = (left.view(np.int64) != right.view(np.int64)).any(axis=0)
    assert not differs.any(), [name for name, bad in zip(FEATURES, differs, strict=True) if bad]


def frames_of(values: st.SearchStrategy[float], max_rows: int) -> st.SearchStrategy[pd.DataFrame]:
    row = st.tuples(*(values for _ in COLUMNS))
    return st.lists(row, min_size=1, max_size=max_rows).map(
        lambda rows: pd.DataFrame(rows, columns=list(COLUMNS), dtype=float)
    )


@pytest.mark.parametrize("lookback_bars", [1, 2, 14, 50, 199, 200, 201, 300, 600, 999, 1440])
@pytest.mark.parametrize("tick", [0.1, 100.0])
def test_windows_equal_the_slow_path_to_the_bit(lookback_bars: int, tick: float) -> None:
    candles = random_candles(1700, seed=lookback_bars, tick=tick)
    ends = list(range(1440, 1700, 13))
    fast = compute_windows(candles, ends, lookback_bars)
    assert_same_bits(fast, slow_windows(candles, ends, lookback_bars))


@settings(deadline=None, max_examples=80)
@given(candles=frames_of(ODD_NUMBERS, 70), lookback_bars=st.integers(1, 70))
def test_windows_equal_the_slow_path_on_any_numbers(
    candles: pd.DataFrame, lookback_bars: int
) -> None:
    ends = list(range(lookback_bars - 1, len(candles)))
    fast = compute_windows(candles, ends, lookback_bars)
    assert_same_bits(fast, slow_windows(candles, ends, lookback_bars))


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    tick=st.sampled_from([0.1, 10.0, 200.0]),
    lookback_bars=st.integers(1, 420),
)
def test_windows_equal_the_slow_path_on_any_market(
    seed: int, tick: float, lookback_bars: int
) -> None:
    candles = random_candles(430, seed=seed, tick=tick)
    ends = [lookback_bars - 1, (lookback_bars + 429) // 2, 429]
    fast = compute_windows(candles, ends, lookback_bars)
    assert_same_bits(fast, slow_windows(candles, ends, lookback_bars))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), cut=st.integers(1, 419), tick=st.sampled_from([0.1, 200.0]))
def test_later_candles_never_change_an_earlier_row(seed: int, cut: int, tick: float) -> None:
    candles = random_candles(420, seed=seed, tick=tick)
    full = compute(candles).to_numpy()
    early = compute(candles.head(cut)).to_numpy()
    assert_same_bits(early, full[:cut])


@settings(deadline=None, max_examples=40)
@given(candles=frames_of(ODD_NUMBERS, 60), later=frames_of(ODD_NUMBERS, 10))
def test_no_later_number_however_odd_changes_an_earlier_row(
    candles: pd.DataFrame, later: pd.DataFrame
) -> None:
    full = compute(pd.concat([candles, later], ignore_index=True)).to_numpy()
    assert_same_bits(compute(candles).to_numpy(), full[: len(candles)])


@pytest.mark.parametrize("seed", range(5))
def test_every_value_is_finite_once_its_history_is_there_and_nan_before(seed: int) -> None:
    features = compute(random_candles(600, seed=seed, tick=50.0))
    for feature in CATALOGUE:
        values = features[feature.name].to_numpy()
        assert np.isnan(values[: feature.history_bars - 1]).all(), feature.name
        assert np.isfinite(values[feature.history_bars - 1 :]).all(), feature.name
    assert max(feature.history_bars for feature in CATALOGUE) == WARM_UP_BARS


@pytest.mark.parametrize(
    ("price", "volume"), [(100.0, 5.0), (100.0, 0.0), (0.0, 0.0)], ids=["flat", "untraded", "zero"]
)
def test_a_market_that_stands_still_gives_neutral_numbers(price: float, volume: float) -> None:
    candles = pd.DataFrame(
        {name: np.full(300, volume if name == "volume" else price) for name in COLUMNS}
    )
    last = compute(candles).iloc[-1]
    assert np.isfinite(last).all()
    assert last["rsi_14"] == last["stochastic_k_14"] == last["money_flow_14"] == 50.0
    assert last["bollinger_20_position_ratio"] == last["channel_50_position_ratio"] == 0.5
    assert last["macd_pct"] == last["vwap_distance_pct"] == last["atr_14_quote"] == 0.0
    assert last["volume_20_ratio"] == (1.0 if volume else 0.0)


def test_trailing_features_are_the_same_at_every_lookback_and_frame_features_are_not() -> None:
    candles = random_candles(1500, seed=11)
    ends = np.arange(1450, 1500)
    matrices = {bars: compute_windows(candles, ends, bars) for bars in (70, 210, 1440)}
    for column, feature in enumerate(CATALOGUE):
        short = matrices[70 if feature.history_bars <= 70 else 210][:, column]
        is_same = np.array_equal(short, matrices[1440][:, column])
        if feature.reach is Reach.TRAILING:
            assert is_same, feature.name
        elif feature.unit is not Unit.FLAG:  # a flag need not turn
            assert not is_same, feature.name


def test_averages_forget_their_seed_at_long_lookbacks_but_the_vwap_does_not() -> None:
    candles = random_candles(2400, seed=12)
    ends = np.arange(2300, 2400)
    reference = compute_windows(candles, ends, 2200)

    def largest_diff(name: str, lookback_bars: int) -> float:
        column = FEATURES.index(name)
        other = compute_windows(candles, ends, lookback_bars)[:, column]
        return float(np.abs(other - reference[:, column]).max())

    diffs = [largest_diff("ema_200_distance_pct", bars) for bars in (300, 600, 999, 1440)]
    assert diffs == sorted(diffs, reverse=True)
    assert diffs[0] > 1e-2
    assert diffs[-1] < 1e-5
    assert largest_diff("vwap_distance_pct", 1440) > 1e-2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_candle_that_is_not_finite_blanks_what_rests_on_it_and_nothing_else(
    bad: float, column: str
) -> None:
    candles = random_candles(500, seed=13)
    broken = candles.copy()
    broken.loc[250, column] = bad
    clean, hurt = compute(candles), compute(broken)
    for feature in CATALOGUE:
        until = 500 if feature.reach is Reach.FRAME else 250 + feature.history_bars
        assert hurt[feature.name].iloc[250:until].isna().all(), feature.name
        expected = clean[feature.name].mask((clean.index >= 250) & (clean.index < until))
        pd.testing.assert_series_equal(hurt[feature.name], expected, check_exact=True)
    ends = [240, 249, 250, 251, 300, 449, 450, 499]
    fast = compute_windows(broken, ends, 200)
    assert_same_bits(fast, slow_windows(broken, ends, 200))
    assert np.isnan(fast[ends.index(449)]).any()
    assert not np.isnan(fast[ends.index(450)][[f.history_bars <= 200 for f in CATALOGUE]]).any()


def test_the_frame_keeps_its_index_and_the_input_stays_untouched() -> None:
    candles = random_candles(30, seed=14).set_index(pd.Index(range(100, 130), name="row"))
    before = candles.copy(deep=True)
    features = compute(candles)
    compute_windows(candles, [29], 20)
    pd.testing.assert_frame_equal(candles, before)
    pd.testing.assert_index_equal(features.index, candles.index)
    assert tuple(features.columns) == FEATURES
    assert (features.dtypes == np.float64).all()


def test_integer_prices_and_more_columns_are_welcome() -> None:
    candles = random_candles(260, seed=15, tick=1.0)
    whole = candles.astype(dict.fromkeys(COLUMNS[:4], "int64")).assign(note="x")
    assert_same_bits(compute(whole).to_numpy(), compute(candles).to_numpy())


def test_no_candles_give_no_rows() -> None:
    empty = random_candles(5, seed=16).head(0)
    assert compute(empty).shape == (0, len(FEATURES))
    assert compute_windows(empty, [], 300).shape == (0, len(FEATURES))


def test_one_candle_gives_what_one_candle_can_tell() -> None:
    features = compute(random_candles(1, seed=17)).iloc[0]
    known = {feature.name for feature in CATALOGUE if feature.history_bars == 1}
    assert set(features.dropna().index) == known


@pytest.mark.parametrize(("end", "lookback_bars"), [(8, 10), (30, 10), (-1, 10), (-1, 1)])
def test_a_window_outside_the_candles_is_refused_and_never_shortened(
    end: int, lookback_bars: int
) -> None:
    candles = random_candles(30, seed=18)
    with pytest.raises(PipelineError, match=f"{lookback_bars} candles that ends at position {end}"):
        compute_windows(candles, [20, end], lookback_bars)


def test_a_window_has_at_least_one_candle() -> None:
    with pytest.raises(PipelineError, match="lookback_bars is 0"):
        compute_windows(random_candles(30, seed=19), [20], 0)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(PipelineError, match="without the column high, volume"):
        compute(random_candles(30, seed=20).drop(columns=["high", "volume"]))


def test_a_column_that_stands_twice_is_named() -> None:
    candles = random_candles(30, seed=20)
    with pytest.raises(PipelineError, match="the column close more than once"):
        compute(pd.concat([candles, candles[["close"]]], axis=1))


def test_ends_may_come_in_any_order_and_twice() -> None:
    candles = random_candles(300, seed=22)
    ends = [250, 40, 299, 40, 120]
    fast = compute_windows(candles, ends, 30)
    assert_same_bits(fast, slow_windows(candles, ends, 30))


def test_text_in_a_price_column_is_refused_with_its_value() -> None:
    candles = random_candles(30, seed=21).astype({"low": object})
    candles.loc[3, "low"] = "cheap"
    with pytest.raises(PipelineError, match="cheap"):
        compute(candles)


def test_names_are_unique_and_at_least_sixty() -> None:
    assert len(set(FEATURES)) == len(FEATURES) >= 60


def test_importing_the_pipeline_loads_neither_numba_nor_ta_lib() -> None:
    code = (
        "import sys, reference_pipeline.pipeline; "
        "print(sorted({'numba', 'talib'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert shown.stdout.strip() == "[]"


@needs_real
def test_a_real_market_gives_finite_values_and_windows_equal_to_frames() -> None:
    pulls = sorted((REAL / "candles").glob("BTCUSDT_5m_raw_*.csv"))
    candles = pd.read_csv(pulls[-1]).tail(3000).reset_index(drop=True)
    features = compute(candles).iloc[WARM_UP_BARS - 1 :]
    assert np.isfinite(features.to_numpy()).all()
    assert list(features.columns[features.nunique() < 2]) == []
    ends = list(range(999, 3000, 97))
    assert_same_bits(compute_windows(candles, ends, 999), slow_windows(candles, ends, 999))
