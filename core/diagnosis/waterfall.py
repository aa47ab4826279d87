"""A diagnosis as steps from the initial difference to the unexplained rest."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

_COLUMNS = ["cause", "kind", "change", "level"]


def waterfall_steps(levels: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The waterfall of a diagnosis as a chart needs it: cause, kind, change, level.

    `levels`: mean_abs_diff before anything is undone (cause None), then after each cause.
    kind: initial, cause, rest. Empty without a cause, or where a level is not known.
    """
    known = [one["mean_abs_diff"] for one in levels]
    if len(levels) < 2 or any(level is None for level in known):
        return pd.DataFrame(columns=_COLUMNS)
    rows: list[dict[str, Any]] = [
        {"cause": None, "kind": "initial", "change": known[0], "level": known[0]}
    ]
    for before, one in zip(known, levels[1:], strict=False):
        level = one["mean_abs_diff"]
        rows.append(
            {"cause": one["cause"], "kind": "cause", "change": level - before, "level": level}
        )
    rows.append({"cause": None, "kind": "rest", "change": known[-1], "level": known[-1]})
    return pd.DataFrame(rows, columns=_COLUMNS)
