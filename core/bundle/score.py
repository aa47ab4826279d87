"""Logged or recomputed columns → probabilities, or why there is none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bundle.load import SideModel


@dataclass(frozen=True)
class Scored:
    """Probabilities, one a row; NaN where the row was not scored.

    `missing`: inputs of the model that no column carries, in the model's order; nothing
    is scored then. `is_infinite`: rows with an infinite input, which scikit-learn's
    scalers refuse, so that the bot cannot have scored them either; they are not scored.
    `has_nan`: rows scored with a NaN among their inputs. `places`: the column of each input.
    """

    probabilities: npt.NDArray[np.float64]
    missing: tuple[str, ...]
    is_infinite: npt.NDArray[np.bool_]
    has_nan: npt.NDArray[np.bool_]
    places: tuple[int, ...]


def score_columns(
    model: SideModel, columns: Sequence[str], matrix: npt.NDArray[np.float64]
) -> Scored:
    """Score rows × columns, raw values, with the columns picked by name.

    A NaN is a value: it goes to the model, whose trees know a branch for it, as it did
    in the bot. A column that is not there is not: nothing is filled in.
    """
    nobody = np.zeros(len(matrix), dtype=bool)
    places, missing = pick_columns(model.features, columns)
    if missing:
        return Scored(np.full(len(matrix), np.nan), missing, nobody, nobody, tuple(places))
    inputs = np.take(matrix, places, axis=1).astype("float64", copy=False)
    is_finite = np.isfinite(inputs)
    if is_finite.all():
        return Scored(model.score_in_place(inputs), (), nobody, nobody, tuple(places))
    is_infinite = np.isinf(inputs).any(axis=1)
    has_nan = ~is_finite.all(axis=1) & ~is_infinite
    probabilities = np.full(len(matrix), np.nan)
    probabilities[~is_infinite] = model.score_in_place(inputs[~is_infinite])
    return Scored(probabilities, (), is_infinite, has_nan, tuple(places))


def pick_columns(
    features: Sequence[str], columns: Sequence[str]
) -> tuple[list[int], tuple[str, ...]]:
    """The place of each feature among the columns, and the features that have none.

    A feature that stands twice takes the column of that name both times; where the
    column stands twice too, the first use takes the first and the second the second.
    """
    where: dict[str, list[int]] = {}
    for place, name in enumerate(columns):
        where.setdefault(name, []).append(place)
    uses: Counter[str] = Counter()
    places = []
    for name in features:
        copies = where.get(name)
        if copies is not None:
            places.append(copies[min(uses[name], len(copies) - 1)])
        uses[name] += 1
    return places, tuple(name for name in uses if name not in where)
