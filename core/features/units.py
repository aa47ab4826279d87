"""The unit in which a feature's differences are told: one step of the scaler before the model."""

from collections.abc import Mapping

from core.bundle.load import SideModel
from core.bundle.scaler import ScalerKind
from core.market import Side

Models = Mapping[Side, SideModel]


def feature_units(models: Models) -> dict[str, float]:
    """What one scaled unit is in each feature's own unit; the finer of LONG and SHORT.

    The standard deviation of training, or its range behind a min-max scaler. A feature
    that no model with a scaler takes has no unit.
    """
    units: dict[str, float] = {}
    for model in models.values():
        if model.scaler.scale is None:
            continue
        scale = model.scaler.unit(len(model.features)).tolist()
        for name, unit in zip(model.features, scale, strict=True):
            units[name] = min(unit, units.get(name, float("inf")))
    return units


def trained_means(models: Models) -> dict[str, tuple[float, float]]:
    """Mean and deviation of each feature in training, of the side with the finer unit.

    Only a standard scaler tells them.
    """
    trained: dict[str, tuple[float, float]] = {}
    for model in models.values():
        scaler = model.scaler
        if scaler.kind is not ScalerKind.STANDARD or scaler.offset is None or scaler.scale is None:
            continue
        for name, mean, unit in zip(model.features, scaler.offset, scaler.scale, strict=True):
            if name not in trained or abs(unit) < trained[name][1]:
                trained[name] = (mean, abs(unit))
    return trained
