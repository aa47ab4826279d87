"""From feature rows to a model's inputs, with everything a world changes on the way."""

import numpy as np

from core.arrays import Flags, Floats
from core.bundle.load import SideModel
from core.bundle.scaler import Scaler, ScalerKind
from core.bundle.score import pick_columns
from core.diagnosis.lab.world import ColumnEdit, FloatType, NanPolicy, World


def model_inputs(
    world: World,
    model: SideModel,
    columns: tuple[str, ...],
    matrix: Floats,
    log_columns: tuple[str, ...] = (),
) -> Floats | None:
    """Rows × model inputs, raw, as this world hands them over; None where a column is missing.

    The argument stays as it is. Edits, rounding and NaN handling come before the order.
    """
    inputs = edited_inputs(world, model, columns, matrix)
    return None if inputs is None else ordered_inputs(world, model, inputs, log_columns)


def edited_inputs(
    world: World, model: SideModel, columns: tuple[str, ...], matrix: Floats
) -> Floats | None:
    """Rows × model inputs after the world's edits, in the model's own order."""
    places, missing = pick_columns(model.features, columns)
    if missing:
        return None
    inputs = np.take(matrix, places, axis=1).astype("float64", copy=False)
    for edit in world.edits:
        _edit(inputs, edit, model, columns, matrix)
    return inputs


def ordered_inputs(
    world: World, model: SideModel, inputs: Floats, log_columns: tuple[str, ...]
) -> Floats | None:
    """Edited inputs after rounding and NaN handling, in the order in which they are handed over."""
    inputs = rounded(inputs, world.dtype, world.decimals)
    inputs = _without_nan(inputs, world.nan_policy, model)
    names = model.features if world.order is None else world.order(model.features, log_columns)
    if names is None or names == model.features:
        return None if names is None else inputs
    order, _ = pick_columns(names, model.features)
    return inputs[:, order]


def scaled_model(model: SideModel, scaler: Scaler) -> SideModel:
    """The same model behind another scaler."""
    return SideModel(model.features, scaler, model.model_sha256, model.booster)


NO_SCALER = Scaler(ScalerKind.NONE)


def rounded(values: Floats, dtype: FloatType | None, decimals: int | None) -> Floats:
    """Values as kept in a narrower type or with fewer decimals."""
    if dtype is not None:
        values = values.astype(dtype).astype("float64")
    return values if decimals is None else np.round(values, decimals)


def _edit(
    inputs: Floats,
    edit: ColumnEdit,
    model: SideModel,
    columns: tuple[str, ...],
    matrix: Floats,
) -> None:
    """Overwrite one feature, in the array itself, wherever the model takes it."""
    for place, name in enumerate(model.features):
        if name != edit.target:
            continue
        if edit.origin is not None:
            inputs[:, place] = matrix[:, columns.index(edit.origin)]
        elif edit.value is not None:
            inputs[:, place] = edit.value
        else:
            inputs[:, place] = model.scaler.centre(len(model.features))[place]


def _without_nan(inputs: Floats, policy: NanPolicy | None, model: SideModel) -> Floats:
    holes: Flags = np.isnan(inputs)
    if policy is None or policy is NanPolicy.LAST or not holes.any():
        return inputs  # the last value is put in where rows are read
    if policy is NanPolicy.MEAN:
        return np.where(holes, model.scaler.centre(len(model.features)), inputs)
    return np.where(holes, 0.0 if policy is NanPolicy.ZERO else -1.0, inputs)
