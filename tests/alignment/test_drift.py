import numpy as np
import pandas as pd
import pytest

from core.alignment.drift import drift_table, kolmogorov_smirnov, population_stability


def test_the_same_values_do_not_drift() -> None:
    values = np.random.default_rng(1).normal(size=500)
    assert population_stability(values, values) == pytest.approx(0)
    assert kolmogorov_smirnov(values, values) == 0


def test_values_far_apart_share_nothing() -> None:
    low, high = np.linspace(0, 1, 100), np.linspace(5, 6, 100)
    assert kolmogorov_smirnov(low, high) == 1
    assert population_stability(low, high) > 5


def test_ks_equals_its_definition() -> None:
    assert kolmogorov_smirnov(np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6])) == 0.5


def test_a_constant_reference_has_a_finite_index() -> None:
    assert np.isfinite(population_stability(np.ones(50), np.linspace(0, 2, 50)))


def test_few_values_and_no_scaler_are_not_known() -> None:
    now = pd.DataFrame({"a": np.arange(10.0)})
    table = drift_table(now, now, {})
    assert table[["shift", "spread", "psi", "ks"]].isna().all().all()
    assert table["mean"].tolist() == [4.5]
