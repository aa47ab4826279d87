"""Pairs rolled up by UTC day: what a year of pairs looks like from afar."""

from typing import Any

import numpy as np
import pandas as pd

from core.alignment.day_block import pack_pairs
from core.market import SIDES

_SIDE_COLUMNS = ["production_signals", "backtest_signals"]


def roll_up(paired: pd.DataFrame, pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """One record a UTC day and side: its counts, and its pairs as one block.

    `paired` as pair_signals returns it, `pairs` as judge_pairs. The day is a Timestamp.
    """
    sides, days = paired["side"].to_numpy(dtype=object), _days(paired)
    counts = {
        name: paired[f"probability_{origin}"].notna().to_numpy()
        for name, origin in zip(_SIDE_COLUMNS, ("production", "backtest"), strict=True)
    }
    pair_sides, pair_days = pairs["side"].to_numpy(dtype=object), _days(pairs)
    records = []
    for day in np.unique(days):
        for side in SIDES:
            rows = (days == day) & (sides == side)
            if rows.any():
                present = {name: int(known[rows].sum()) for name, known in counts.items()}
                mine = pairs[(pair_days == day) & (pair_sides == side)]
                opened = pd.Timestamp(day, tz="UTC")
                records.append({"day": opened, "side": str(side), **present, **_summary(mine)})
    return records


def _days(frame: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    return frame["candle_open"].to_numpy(dtype="datetime64[us]").astype("datetime64[D]")


def _summary(pairs: pd.DataFrame) -> dict[str, Any]:
    return {
        "pairs": len(pairs),
        "above": int((~pairs["is_aligned"].to_numpy(dtype=bool)).sum()),
        "block": pack_pairs(pairs),
    }
