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
    known = [level["mean_abs_diff"] for level in levels]
    if len(levels) < 2 or any(level is None for level in known):
        return pd.DataFrame(columns=_COLUMNS)
    rows: list[dict[str, Any]] = [
        {"cause": None, "kind": "initial", "change": known[0], "level": known[0]}
    ]
    for before, entry in zip(known, levels[1:], strict=False):
        level = entry["mean_abs_diff"]
        rows.append(
            {"cause": entry["cause"], "kind": "cause", "change": level - before, "level": level}
        )
    rows.append({"cause": None, "kind": "rest", "change": known[-1], "level": known[-1]})
    return pd.DataFrame(rows, columns=_COLUMNS)
