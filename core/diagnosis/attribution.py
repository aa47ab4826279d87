"""Which features carry the difference. A description, never a proof.

The logged value of one feature, or of a group that moves together, is put into the
backtest's row and the row is scored again: what is removed of the difference ranks
the features. Exact TreeSHAP is the cross-check.
"""

from typing import Any

import numpy as np

from core.arrays import Floats, Ints
from core.bundle.load import SideModel
from core.bundle.score import pick_columns
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.rows import FeatureRows
from core.features.attribute import Substitution, smallest_set
from core.market import SIDES

_CANDLES = 40  # those that differ most: each feature, and each step of a set, re-scores them
_SHOWN = 15  # features and groups told, a screen of them; the set is searched among all
_MAX_SET = 25  # each one more re-scores every feature that is left; a longer list helps nobody
_TOGETHER = 0.9  # correlation of differences of one group: most of what moves one moves all


def attribute(evidence: Evidence, backtest: FeatureRows | None) -> list[dict[str, Any]] | None:
    """Per side the features that carry replay − backtest; None without features on both sides."""
    if evidence.kind is Kind.REPLAY or evidence.logged is None or backtest is None:
        return None
    sides = []
    for number, name in enumerate(SIDES):
        rows = _rows(evidence, backtest, number)
        if rows is not None:
            sides.append({"side": name, **_of_side(rows)})
    return sides or None


def _rows(evidence: Evidence, backtest: FeatureRows, side: int) -> Substitution | None:
    model = _live_model(evidence, side)
    if model is None or evidence.logged is None:
        return None
    opens = np.intersect1d(evidence.logged.opens, backtest.opens)
    opens = np.intersect1d(opens, evidence.opens)
    logged = _inputs(model, evidence.logged, opens)
    recomputed = _inputs(model, backtest, opens)
    if logged is None or recomputed is None or len(opens) == 0:
        return None
    complete = ~np.isinf(logged).any(axis=1) & ~np.isinf(recomputed).any(axis=1)
    logged, recomputed = logged[complete], recomputed[complete]
    difference = np.abs(model.score(logged) - model.score(recomputed))
    worst = np.argsort(-difference, kind="stable")[:_CANDLES]
    if len(worst) == 0 or difference[worst[0]] == 0.0:
        return None
    return Substitution(model=model, logged=logged[worst], recomputed=recomputed[worst])


def _live_model(evidence: Evidence, side: int) -> SideModel | None:
    """The model that the backtest names, else the one that was live on most of the window."""
    number = evidence.backtest_bundle
    if number is None:
        number = evidence.mostly_live
    return None if number is None else evidence.bundles[number].sides.get(SIDES[side])


def _inputs(model: SideModel, rows: FeatureRows, opens: Ints) -> Floats | None:
    places, missing = pick_columns(model.features, rows.columns)
    return None if missing else np.asarray(rows.at(opens)[0][:, places])


def _of_side(rows: Substitution) -> dict[str, Any]:
    names = rows.model.features
    is_of = np.eye(len(names), dtype=bool)
    whole = _left(rows, [])
    differing = [k for k in range(len(names)) if _differs(rows, k)]
    removed = dict(zip(differing, (1 - rows.left(is_of[differing]) / whole).tolist(), strict=True))
    order = sorted(differing, key=lambda k: -removed[k])
    shap = _shap(rows)
    groups = [group for group in _groups(rows, differing) if len(group) > 1]
    carriers = smallest_set(rows, is_of, order, most=_MAX_SET)
    return {
        "candles": len(rows.logged),
        "mean_abs_diff": whole,
        "features": [
            {"feature": names[k], "removed_ratio": removed[k], "shap": float(shap[k])}
            for k in order[:_SHOWN]
        ],
        "groups": [
            {
                "features": [names[k] for k in group],
                "removed_ratio": 1 - _left(rows, group) / whole,
            }
            for group in groups[:_SHOWN]
        ],
        "shap_top": [names[int(k)] for k in np.argsort(-shap, kind="stable")[:5]],
        "smallest_set": [names[k] for k in carriers.places],
        "smallest_set_removed_ratio": carriers.removed_ratio,
    }


def _left(rows: Substitution, places: list[int]) -> float:
    """Mean absolute difference with the logged values of these inputs put in."""
    put_in = np.zeros((1, len(rows.model.features)), dtype=bool)
    put_in[0, places] = True
    return float(rows.left(put_in)[0])


def _differs(rows: Substitution, place: int) -> bool:
    mine, other = rows.logged[:, place], rows.recomputed[:, place]
    return not np.array_equal(mine, other, equal_nan=True)


def _shap(rows: Substitution) -> Floats:
    """Mean absolute change of each input's exact TreeSHAP contribution (log-odds)."""
    mine = rows.model.contributions(rows.logged)
    other = rows.model.contributions(rows.recomputed)
    return np.asarray(np.abs(mine - other).mean(axis=0))


def _groups(rows: Substitution, differing: list[int]) -> list[list[int]]:
    """Inputs whose differences rise and fall together, by single linkage."""
    gaps = np.nan_to_num(rows.logged - rows.recomputed)[:, differing]
    spread = gaps.std(axis=0)
    steady = np.where(spread > 0, spread, 1.0)
    scaled = (gaps - gaps.mean(axis=0)) / steady
    alike = np.abs(scaled.T @ scaled) / len(gaps) >= _TOGETHER
    ungrouped = set(range(len(differing)))
    groups = []
    while ungrouped:
        group = {ungrouped.pop()}
        while grown := {k for k in ungrouped if alike[k, list(group)].any()}:
            group |= grown
            ungrouped -= grown
        groups.append(sorted(differing[k] for k in group))
    return sorted(groups, key=lambda group: _left(rows, group))
