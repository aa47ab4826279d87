"""Features, logged against recomputed, and what each adds to the difference.

The effect of a feature is what the signal changes when its logged value alone takes
the place of the recomputed one. That says which features carry the difference; it
proves no cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.arrays import Flags, Floats
from core.bundle.load import SideModel
from core.bundle.score import pick_columns
from core.features.units import feature_units
from core.market import Side

CARRIES = 0.95  # of the mean difference: what "the features that carry it" together remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitution:
    """Both vectors of the same candles (candles × inputs, raw) in the order of one side's model."""

    model: SideModel
    logged: Floats
    recomputed: Floats

    def scored(self, put_in: Flags) -> Floats:
        """Probabilities of the recomputed rows with logged values put in, variants × candles.

        A row of `put_in` (variants × inputs) is a variant: it marks the inputs that take the
        logged value.
        """
        mixed = np.where(put_in[:, None, :], self.logged, self.recomputed)
        scored = self.model.score(mixed.reshape(-1, put_in.shape[1]))
        return np.asarray(scored.reshape(len(put_in), len(self.logged)))

    def left(self, put_in: Flags) -> Floats:
        """Mean absolute difference to the logged rows' probability that each variant leaves."""
        scored = self.scored(np.vstack([np.ones_like(put_in[:1]), put_in]))
        return np.asarray(np.abs(scored[0] - scored[1:]).mean(axis=1))


@dataclass(frozen=True, slots=True)
class Carriers:
    """Places of the features that carry the difference, in the order in which they were
    chosen, and the share of the mean difference that they remove together (0..1).
    """

    places: tuple[int, ...]
    removed_ratio: float


def smallest_set(
    rows: Substitution, is_of: Flags, order: Sequence[int], most: int | None = None
) -> Carriers:
    """The fewest features found whose logged values together remove 95 % of the difference.

    `is_of` (features × inputs) marks the inputs of each feature, `order` holds the features
    to choose among, the first of equals first. The one that removes most beside those
    chosen is added until it is enough or `most` are chosen; then those are dropped again
    that the later ones made needless, so that none can be spared. A set that `most` cut
    short removes less than 95 %.
    """
    whole = float(rows.left(np.zeros_like(is_of[:1]))[0])
    if whole == 0:
        return Carriers((), 0.0)
    enough = (1 - CARRIES) * whole
    chosen: list[int] = []
    rest, remaining = list(order), whole
    while remaining > enough and rest and (most is None or len(chosen) < most):
        together = is_of[chosen].any(axis=0)
        lefts = rows.left(is_of[rest] | together)
        best = int(np.argmin(lefts))
        remaining = float(lefts[best])
        chosen.append(rest.pop(best))
    while remaining <= enough and len(chosen) > 1:
        without = np.array(
            [is_of[[other for other in chosen if other != place]].any(axis=0) for place in chosen]
        )
        lefts = rows.left(without)
        needless = int(np.argmin(lefts))
        if lefts[needless] > enough:
            break
        remaining = float(lefts[needless])
        del chosen[needless]
    return Carriers(tuple(chosen), 1 - remaining / whole)


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
        effects, side_effects = _effects(model, table, missing)
        table[f"effect_{side}"] = table["feature"].map(effects)
        if side_effects is not None:
            sides[side] = side_effects
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
    ends = np.array([[True] * len(places), [False] * len(places)])
    scored = candle.scored(np.vstack([ends, is_of]))[:, 0]
    effects = scored[2:] - scored[1]
    order = np.argsort(-np.abs(effects), kind="stable").tolist()
    carriers = smallest_set(candle, is_of, order).places
    return dict(zip(names, effects.tolist(), strict=True)), SideEffects(
        logged=float(scored[0]),
        recomputed=float(scored[1]),
        carriers=tuple(names[place] for place in carriers),
    )


def _numbers(values: pd.Series) -> pd.Series:
    """Numbers by name; text counts as missing, of a name that stands twice the first counts."""
    first = values[~values.index.duplicated()]
    return pd.to_numeric(first, errors="coerce").astype("float64")
