"""The unit in which a feature's differences are told: one step of the scaler before the model."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.bundle.load import SideModel
from core.market import SIDES, Side

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


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a side scales a feature: (raw value − centre) ÷ unit, both in the feature's own unit."""

    side: Side
    centre: float
    unit: float


def finest_scalings(models: Models) -> dict[str, Scaling]:
    """Of each feature that a model takes the scaling with the finest unit, LONG's among equals.

    The centre is what becomes 0: the mean of training, or the start of the range behind a
    min-max scaler. Where nothing scales, the centre is 0 and the unit 1.
    """
    finest: dict[str, Scaling] = {}
    for side in SIDES:
        model = models.get(side)
        if model is None:
            continue
        width = len(model.features)
        numbers = zip(
            model.scaler.centre(width).tolist(), model.scaler.unit(width).tolist(), strict=True
        )
        for name, (centre, unit) in zip(model.features, numbers, strict=True):
            if name not in finest or unit < finest[name].unit:
                finest[name] = Scaling(side, centre, unit)
    return finest
