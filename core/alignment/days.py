"""Pairs rolled up by UTC day: what a year of pairs looks like from afar."""

from typing import Any

import numpy as np
import pandas as pd

from core.alignment.day_block import pack_pairs
from core.market import SIDES

# Signed diffs lie in -1..1; bin i holds i*width <= diff < (i+1)*width.
BIN_WIDTH = 0.005
_SIDE_COLUMNS = ["production_signals", "backtest_signals"]


def histogram(diffs: pd.Series) -> dict[str, int]:
    """Counts of signed diffs by bin number, empty bins left out (keys as text, for JSON)."""
    numbers, counts = np.unique(_bin_numbers(diffs), return_counts=True)
    return {str(number): int(count) for number, count in zip(numbers, counts, strict=True)}


def bin_edges(number: int) -> tuple[float, float]:
    """Lower (inclusive) and upper (exclusive) diff of a bin."""
    return number * BIN_WIDTH, (number + 1) * BIN_WIDTH


def roll_up(paired: pd.DataFrame, pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """One record a UTC day and side of everything that the pairs of that day say.

    `paired` as pair_signals returns it, `pairs` as judge_pairs. The day is a
    Timestamp; max_abs_diff and max_at (the earliest candle with it) are None without pairs.
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
    sizes = pairs["abs_diff"].to_numpy()
    worst = None if pairs.empty else int(sizes.argmax())
    decided = pairs["decision_flip"].dropna()
    return {
        "pairs": len(pairs),
        "sum_diff": float(pairs["diff"].to_numpy().sum()),
        "sum_abs_diff": float(sizes.sum()),
        "max_abs_diff": None if worst is None else float(sizes[worst]),
        "max_at": None if worst is None else pairs["candle_open"].iloc[worst],
        "above": int((~pairs["is_aligned"].to_numpy(dtype=bool)).sum()),
        "flips": int(pairs["flip"].to_numpy().sum()),
        "decisions": len(decided),
        "decision_flips": int(decided.sum()),
        "bins": histogram(pairs["diff"]),
        "block": pack_pairs(pairs),
    }


def _bin_numbers(diffs: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.floor(diffs.to_numpy(dtype="float64") / BIN_WIDTH).astype("int64")
