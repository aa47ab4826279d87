"""Features, logged against recomputed, and what each adds to the difference.

The effect of a feature is what the signal changes when its logged value alone takes
the place of the recomputed one. That says which features carry the difference; it
proves no cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.arrays import Flags, Floats
from core.bundle.load import SideModel
from core.bundle.score import pick_columns
from core.features.units import feature_units
from core.market import Side

CARRIES = 0.95  # of the difference: what "the features that carry it" together remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitution:
    """Both vectors of the same candles (candles × inputs, raw) in the order of one side's model."""

    model: SideModel
    logged: Floats
    recomputed: Floats

    def scored(self, put_in: Flags) -> Floats:
        """Probability of recomputed rows with the logged value of every input marked `put_in`.

        `put_in` is broadcast against the rows: one mark an input serves every candle, and
        a row of marks a variant serves the variants of one candle.
        """
        return self.model.score(np.where(put_in, self.logged, self.recomputed))


@dataclass(frozen=True, slots=True, kw_only=True)
class SideEffects:
    """One side: both probabilities, and the fewest features found that carry the difference."""

    logged: float
    recomputed: float
    carriers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleFeatures:
    """`table`: feature, logged, recomputed, difference (logged − recomputed), scaled
    (difference in the feature's unit, see `feature_units`; NaN without one), is_equal,
    and effect_LONG, effect_SHORT (probability; NaN where the side's model does not use
    the feature); strongest first.
    """

    table: pd.DataFrame
    sides: Mapping[Side, SideEffects]
    missing: tuple[str, ...]


def compare_candle(
    models: Mapping[Side, SideModel], logged: pd.Series, recomputed: pd.Series
) -> CandleFeatures:
    """Compare two vectors (numbers by column name) of one candle through its live models.

    A feature that either vector lacks is named in `missing`; effects of a side that
    lacks any are NaN.
    """
    names = tuple(dict.fromkeys(name for model in models.values() for name in model.features))
    values = {
        "logged": _numbers(logged).reindex(names).to_numpy(),
        "recomputed": _numbers(recomputed).reindex(names).to_numpy(),
    }
    table = pd.DataFrame({"feature": list(names), **values})
    difference = table["logged"] - table["recomputed"]
    both_nan = table["logged"].isna() & table["recomputed"].isna()
    table = table.assign(
        difference=difference,
        scaled=difference / table["feature"].map(feature_units(models)),
        is_equal=(table["logged"] == table["recomputed"]) | both_nan,
    )
    missing = tuple(
        name for name in names if name not in logged.index or name not in recomputed.index
    )
    sides: dict[Side, SideEffects] = {}
    for side, model in models.items():
        effects, found = _effects(model, table, missing)
        table[f"effect_{side}"] = table["feature"].map(effects)
        if found is not None:
            sides[side] = found
    strength = table.filter(like="effect_").abs().max(axis=1)
    order = pd.DataFrame({"effect": strength, "scaled": table["scaled"].abs()})
    ranked = order.sort_values(["effect", "scaled"], ascending=False, na_position="last").index
    return CandleFeatures(
        table=table.loc[ranked].reset_index(drop=True), sides=sides, missing=missing
    )


def _effects(
    model: SideModel, table: pd.DataFrame, missing: tuple[str, ...]
) -> tuple[dict[str, float], SideEffects | None]:
    """Effect of each distinct feature of one side, and the side's summary."""
    if set(missing) & set(model.features):
        return {}, None
    places, _ = pick_columns(model.features, list(table["feature"]))
    logged = table["logged"].to_numpy()[places]
    recomputed = table["recomputed"].to_numpy()[places]
    if np.isinf(logged).any() or np.isinf(recomputed).any():
        return {}, None
    names = list(dict.fromkeys(model.features))
    is_of = np.array([[own == name for own in model.features] for name in names])
    candle = Substitution(model=model, logged=logged[None], recomputed=recomputed[None])
    scored = _variants(candle, is_of)
    effects = dict(zip(names, (scored[2:] - scored[1]).tolist(), strict=True))
    return effects, SideEffects(
        logged=float(scored[0]),
        recomputed=float(scored[1]),
        carriers=_carriers(candle, names, is_of, effects),
    )


def _variants(candle: Substitution, put_in: Flags) -> Floats:
    """One candle's probability: logged, recomputed, then for each row of `put_in`."""
    inputs = put_in.shape[1]
    ends = np.array([[True] * inputs, [False] * inputs])
    return candle.scored(np.vstack([ends, put_in]))


def _carriers(
    candle: Substitution, names: list[str], is_of: Flags, effects: Mapping[str, float]
) -> tuple[str, ...]:
    """The features, strongest first, that together remove 95 % of the difference."""
    order = sorted(range(len(names)), key=lambda place: -abs(effects[names[place]]))
    scored = _variants(candle, np.cumsum(is_of[order], axis=0).astype(bool))
    whole = abs(scored[1] - scored[0])
    if whole == 0:
        return ()
    is_enough = np.abs(scored[2:] - scored[0]) <= (1 - CARRIES) * whole
    count = int(np.argmax(is_enough)) + 1 if is_enough.any() else len(names)
    return tuple(names[place] for place in order[:count])


def _numbers(values: pd.Series) -> pd.Series:
    """Numbers by name; text counts as missing, of a name that stands twice the first counts."""
    first = values[~values.index.duplicated()]
    return pd.to_numeric(first, errors="coerce").astype("float64")
