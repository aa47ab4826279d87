import numpy as np
import pandas as pd
import pytest

from core.alignment.drift import drift_table


def table(now: list[float], before: list[float]) -> pd.Series:
    found = drift_table(pd.DataFrame({"a": now}), pd.DataFrame({"a": before}), {})
    return found.iloc[0]


def test_the_same_values_do_not_drift() -> None:
    values = np.random.default_rng(1).normal(size=500).tolist()
    row = table(values, values)
    assert row["psi"] == pytest.approx(0)
    assert row["ks"] == 0


def test_values_far_apart_share_nothing() -> None:
    row = table(np.linspace(0, 1, 100).tolist(), np.linspace(5, 6, 100).tolist())
    assert row["ks"] == 1
    assert row["psi"] > 2


def test_missing_values_do_not_count() -> None:
    values = np.linspace(0, 1, 100).tolist()
    assert table([*values, float("nan")], [*values, float("inf")])["ks"] == 0


def test_few_values_and_no_scaler_are_not_known() -> None:
    now = pd.DataFrame({"a": np.arange(10.0)})
    found = drift_table(now, now, {})
    assert found[["shift", "spread", "psi", "ks"]].isna().all().all()
    assert found["mean"].tolist() == [4.5]
