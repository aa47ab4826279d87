"""Every kernel against the same formula written in pandas, which shares no code with it."""

import numpy as np
import pytest

from benchmarks.reference_in_pandas.window import features_in_pandas
from reference_pipeline.features import CATALOGUE, Unit
from reference_pipeline.pipeline import FEATURES, compute, compute_windows
from tests.random_candles import random_candles

pytestmark = pytest.mark.slow

# Pandas' running sums lose up to this much of a value's own size (or of 1, for small values).
TOLERANCE = 1e-9


@pytest.mark.parametrize("tick", [0.1, 10.0])
@pytest.mark.parametrize("lookback_bars", [201, 300, 600])
def test_every_feature_follows_its_formula(lookback_bars: int, tick: float) -> None:
    candles = random_candles(1100, seed=lookback_bars, tick=tick)
    ends = np.arange(lookback_bars - 1, 1100, 31)
    values = compute_windows(candles, ends, lookback_bars)
    for row, end in zip(values, ends, strict=True):
        expected = features_in_pandas(candles.iloc[end - lookback_bars + 1 : end + 1])
        assert set(expected) == set(FEATURES)
        for name, value in zip(FEATURES, row, strict=True):
            assert value == pytest.approx(expected[name], rel=TOLERANCE, abs=TOLERANCE), name


def test_no_feature_is_constant_on_a_market_with_gaps() -> None:
    features = compute(random_candles(3000, seed=1, tick=10.0)).iloc[201:]
    constant = features.columns[features.nunique() < 2]
    assert list(constant) == []


def test_values_stay_within_their_units() -> None:
    features = compute(random_candles(3000, seed=2, tick=10.0)).iloc[201:]
    for feature in CATALOGUE:
        values = features[feature.name]
        if feature.unit is Unit.FLAG:
            assert set(values) <= {-2.0, -1.0, -0.8, 0.0, 0.8, 1.0, 2.0}, feature.name
        elif feature.unit in {Unit.COUNT, Unit.BARS}:
            assert (values == values.round()).all(), feature.name
        elif feature.name in {"rsi_7", "rsi_14", "rsi_200", "adx_14", "money_flow_14"}:
            assert values.between(0, 100).all(), feature.name
