"""What a scaler file may hold, and what is refused with its reason."""

from typing import Any

import numpy as np
import pytest

from core.bundle.scaler import Scaler, ScalerKind, scaler_from_manifest, scaler_from_sklearn
from core.errors import BundleError

NAN = float("nan")
STANDARD = {"kind": "standard", "offset": [1.0, 2.0], "scale": [2.0, 4.0]}
MIN_MAX = {"kind": "min-max", "offset": [0.5, 0.0], "scale": [2.0, -0.5], "clip": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("content", "scaled"),
    [
        (STANDARD, [(5 - 1) / 2, (8 - 2) / 4]),
        ({"kind": "standard", "offset": [1.0, 2.0]}, [4.0, 6.0]),
        ({"kind": "standard", "scale": [2.0, 4.0]}, [2.5, 2.0]),
        (MIN_MAX, [1.0, 0.0]),  # 10.5 and -4, cut to 0..1
        ({**MIN_MAX, "clip": None}, [10.5, -4.0]),
        ({"kind": "none"}, [5.0, 8.0]),
    ],
)
def test_a_manifests_scaler_scales_and_is_written_as_it_was_read(
    content: dict[str, Any], scaled: list[float]
) -> None:
    scaler = scaler_from_manifest(content)
    assert scaler.scale_in_place(np.array([[5.0, 8.0]])).tolist() == [scaled]
    assert scaler_from_manifest(scaler.as_json()) == scaler


def test_one_unit_after_scaling_in_each_features_own_unit() -> None:
    assert scaler_from_manifest(STANDARD).unit(2).tolist() == [2.0, 4.0]
    assert scaler_from_manifest(MIN_MAX).unit(2).tolist() == [0.5, 2.0]
    assert Scaler().unit(2).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("standard", "needs a table"),
        ({**STANDARD, "mean": [1.0]}, "unknown key mean"),
        ({"kind": "robust"}, "kind 'robust' is unknown"),
        ({**STANDARD, "scale": [2.0, 0.0]}, "scale is 0 for feature 2"),
        ({**STANDARD, "offset": [1.0, NAN]}, "offset holds a number that is not finite"),
        ({**STANDARD, "offset": "1,2"}, "offset must be a list"),
        ({**STANDARD, "offset": [1.0, True]}, "offset holds something that is no number"),
        ({**STANDARD, "scale": [10**400, 1]}, "scale holds a number that is not finite"),
        ({"kind": "min-max", "scale": [1.0]}, "min-max needs both"),
        ({**MIN_MAX, "clip": [0.0]}, "clip needs two numbers, got 1"),
        ({**MIN_MAX, "clip": [1.0, 0.0]}, r"clip \[1.0, 0.0\] is no range"),
    ],
)
def test_a_scaler_that_cannot_be_meant_is_refused(content: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        scaler_from_manifest(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"mean_": [1], "scale_": [2]},
            Scaler(ScalerKind.STANDARD, (1.0,), (2.0,)),
        ),
        (
            {"min_": [1], "scale_": [2]},
            Scaler(ScalerKind.MIN_MAX, (1.0,), (2.0,)),
        ),
        (
            {"type": "MinMaxScaler", "min_": [1], "scale_": [2], "clip": True},
            Scaler(ScalerKind.MIN_MAX, (1.0,), (2.0,), (0.0, 1.0)),
        ),
        ({"type": "none"}, Scaler()),
    ],
)
def test_attributes_of_a_fitted_scaler_tell_which_it_is(
    content: dict[str, Any], expected: Scaler
) -> None:
    assert scaler_from_sklearn(content) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1.0], "one JSON object"),
        ({"type": "RobustScaler"}, "'RobustScaler' is not supported"),
        ({"type": "StandardScaler", "scale_": [1]}, 'without "mean_"'),
        ({"mean_": [1]}, 'without "scale_"'),
        ({"scale_": [1]}, 'needs "scale_" and "min_"'),
    ],
)
def test_a_scaler_file_that_lacks_something_says_what(content: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        scaler_from_sklearn(content)


def test_every_part_has_one_number_a_feature() -> None:
    with pytest.raises(BundleError, match="2 numbers in offset for 3 features"):
        scaler_from_manifest(STANDARD).check_length(3)
