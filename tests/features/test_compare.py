from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.bundle.load import load_bundle
from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.write import write_bundle
from core.context import Context
from core.feature_log.ingest import ingest_feature_logs
from core.feature_log.reads import read_vectors
from core.features.compare import compare_blocks, compare_features
from core.features.units import feature_units
from core.market import Side
from core.recompute.imported import import_backtest
from core.recompute.reads import read_backtest_rows
from core.settings import BotSettings
from core.times import index_from_us
from tests.real import REAL, needs_real
from tests.recompute.recompute_world import side_contents
from tests.stored_rows import new_bot, new_database

OPENS = pd.date_range("2025-11-03", periods=4, freq="5min", tz="UTC", unit="us")


def frame(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=OPENS.rename("candle_open"), dtype="float64")


def test_each_way_two_values_compare_is_counted() -> None:
    nan = float("nan")
    logged = frame(a=[1.0, 1.0, nan, nan], b=[0.0, 100.0, 5.0, 7.0])
    recomputed = frame(a=[1.0, nan, 2.0, nan], b=[-0.0, 100.0 * (1 + 5e-10), 5.5, 7.0])
    features = compare_features(logged, recomputed).features.set_index("feature")
    counts = ["equal", "close", "different", "nan_logged", "nan_recomputed", "nan_both"]
    assert list(features.loc["a"][counts]) == [1, 0, 0, 1, 1, 1]
    assert list(features.loc["b"][counts]) == [1, 2, 1, 0, 0, 0]
    assert features.loc["a", "equal_ratio"] == 0.5
    assert features.loc["b", "max_abs_diff"] == 0.5
    assert features.loc["b", "max_at"] == OPENS[2]
    assert features.loc["b", "max_relative_diff"] == 0.5 / 5.5


def test_scaled_diffs_rank_the_features() -> None:
    logged = frame(small=[1.0] * 4, large=[1e6] * 4, same=[3.0] * 4)
    recomputed = frame(small=[1.2] * 4, large=[1e6 + 5] * 4, same=[3.0] * 4)
    units = {"small": 0.1, "large": 1000.0, "same": 1.0}
    features = compare_features(logged, recomputed, units).features
    assert features["feature"].tolist() == ["small", "large", "same"]
    assert features["mean_scaled_diff"].tolist() == pytest.approx([2.0, 0.005, 0.0])


def test_value_that_one_side_lacks_ranks_before_a_small_difference() -> None:
    logged = frame(drift=[1.0] * 4, gone=[1.0] * 4)
    recomputed = frame(drift=[1.1] * 4, gone=[np.nan] * 4)
    features = compare_features(logged, recomputed, {"drift": 1.0, "gone": 1.0}).features
    assert features["feature"].tolist() == ["gone", "drift"]
    assert np.isnan(features["mean_abs_diff"][0])


def test_without_a_unit_the_scaled_diff_is_not_known() -> None:
    features = compare_features(frame(a=[1.0] * 4), frame(a=[2.0] * 4)).features
    assert features[["mean_scaled_diff", "max_scaled_diff"]].isna().all(axis=None)
    assert features["max_relative_diff"][0] == 0.5


def test_zeros_and_infinities_divide_by_nothing() -> None:
    inf = float("inf")
    logged = frame(a=[0.0, inf, inf, -inf])
    recomputed = frame(a=[0.0, inf, 3.0, inf])
    row = compare_features(logged, recomputed, {"a": 1.0}).features.iloc[0]
    assert (row["equal"], row["different"]) == (2, 2)
    assert (row["max_abs_diff"], row["max_relative_diff"]) == (inf, 1.0)


def test_constant_on_one_side_only_is_named() -> None:
    logged = frame(stuck=[5.0] * 4, both=[1.0] * 4, free=[1.0, 2, 3, 4])
    recomputed = frame(stuck=[5.0, 6, 7, 8], both=[2.0] * 4, free=[1.0, 2, 3, 5])
    features = compare_features(logged, recomputed).features.set_index("feature")
    assert features["is_constant_logged"].to_dict() == {"stuck": True, "both": False, "free": False}
    assert not features["is_constant_recomputed"].any()


def test_names_that_one_side_lacks_are_listed() -> None:
    result = compare_features(frame(a=[1.0] * 4, b=[1.0] * 4), frame(b=[1.0] * 4, c=[1.0] * 4))
    assert (result.only_logged, result.only_recomputed) == (("a",), ("c",))
    assert result.features["feature"].tolist() == ["b"]


def test_candles_that_one_side_lacks_do_not_count() -> None:
    logged, recomputed = frame(a=[1.0, 2, 3, 4]).iloc[:3], frame(a=[9.0, 2, 3, 4]).iloc[1:]
    result = compare_features(logged, recomputed)
    assert result.candles == 2
    assert result.features["equal_ratio"].tolist() == [1.0]


def test_each_candle_names_its_worst_feature() -> None:
    logged = frame(a=[1.0, 1, 1, 1], b=[1.0, 1, 1, 1])
    recomputed = frame(a=[1.0, 3, 1, np.nan], b=[1.0, 1.5, 1, 9])
    candles = compare_features(logged, recomputed, {"a": 1.0, "b": 1.0}).per_candle
    assert candles["different"].tolist() == [0, 2, 0, 2]
    assert [None if pd.isna(name) else name for name in candles["worst"]] == [None, "a", None, "a"]
    assert candles["max_scaled_diff"].tolist() == [0, 2, 0, 8]


def test_nothing_in_common_is_an_empty_answer() -> None:
    result = compare_features(frame(a=[1.0] * 4), frame(b=[1.0] * 4))
    assert (len(result.features), result.candles) == (0, 0)


values = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=30)
@given(st.lists(st.tuples(values, values), min_size=4, max_size=4), st.integers(1, 3))
@example([(0.0, 1.5e308)] * 4, 1)  # their sum is no finite number
def test_blocks_add_up_to_the_whole_and_sides_may_swap(
    cells: list[tuple[float, float]], cut: int
) -> None:
    logged = frame(a=[left for left, _ in cells])
    recomputed = frame(a=[right for _, right in cells])
    whole = compare_features(logged, recomputed, {"a": 2.0}).features
    parts = [(logged.iloc[:cut], recomputed), (logged.iloc[cut:], recomputed)]
    exact = whole.columns.difference(["mean_abs_diff", "mean_scaled_diff"])
    pd.testing.assert_frame_equal(
        compare_blocks(parts, {"a": 2.0}).features[exact], whole[exact], check_exact=True
    )
    swapped = compare_features(recomputed, logged, {"a": 2.0}).features
    assert swapped["different"].tolist() == whole["different"].tolist()
    assert swapped["nan_logged"].tolist() == whole["nan_recomputed"].tolist()
    itself = compare_features(logged, logged).features
    assert itself["equal_ratio"].tolist() == [1.0]


@needs_real
def test_features_of_a_real_backtest_against_what_the_bot_logged(tmp_path: Path) -> None:
    logs = [str(REAL / "feature_logs" / place / "*.csv") for place in ("main", "other_cwd")]
    backtest = {
        "name": "real-500",
        "signals": str(REAL / "recomputed" / "signals_500.csv"),
        "features": str(REAL / "recomputed" / "features_500.csv"),
    }
    bot = BotSettings.model_validate(
        {"name": "btc-5m", "feature_log": {"paths": logs}, "backtests": [backtest]}
    )
    assert bot.feature_log is not None
    engine = new_database(tmp_path)
    bot_id = new_bot(engine)
    now = datetime(2025, 11, 8, tzinfo=UTC)
    context = Context(engine=engine, bot_id=bot_id, bot=bot, now=now)
    ingest_feature_logs(context, bot.feature_log)
    import_backtest(context, bot.backtests[0])
    with engine.connect() as connection:
        (rows,) = read_backtest_rows(connection, bot_id, "real-500")
        logged = [
            pd.DataFrame(
                block.matrix, index=index_from_us(block.candle_opens), columns=list(block.columns)
            )
            for block in read_vectors(connection, bot_id)
        ]
    engine.dispose()
    result = compare_blocks(
        (one.loc[:, ~one.columns.duplicated()], rows.features) for one in logged
    )
    features = result.features.set_index("feature")
    assert result.candles == 160
    assert features.loc["close", "equal_ratio"] == 1.0
    # 500 candles are not the 999 that this bot saw: recursive features differ.
    assert list(features.loc["close_change_1"][["different", "nan_logged"]]) == [0, 0]
    assert features["different"].max() == 160


def test_the_finer_unit_of_both_sides_counts(tmp_path: Path) -> None:
    made = side_contents(("a", "b"), seed=1)
    deviations = Scaler(ScalerKind.STANDARD, scale=(2.0, -4.0))
    ranges = Scaler(ScalerKind.MIN_MAX, offset=(0.0, 0.0), scale=(0.25, -0.5))  # 4 and 2 wide
    sides = {
        Side.LONG: replace(made[Side.LONG], scaler=deviations),
        Side.SHORT: replace(made[Side.SHORT], scaler=ranges),
    }
    bundle = load_bundle(write_bundle(tmp_path / "both", "both", sides))
    assert feature_units(bundle.sides) == {"a": 2.0, "b": 2.0}


def test_a_bundle_that_does_not_scale_has_no_units(tmp_path: Path) -> None:
    made = side_contents(("a", "b"), seed=1)
    sides = {Side.LONG: replace(made[Side.LONG], scaler=Scaler())}
    assert feature_units(load_bundle(write_bundle(tmp_path / "raw", "raw", sides)).sides) == {}
