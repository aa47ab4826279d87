"""Pairs rolled up by UTC day: what a year of pairs looks like from afar."""

from typing import Any

import numpy as np
import pandas as pd

from core.alignment.day_block import pack_pairs

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
    if paired.empty:
        return []
    present = paired.assign(
        day=paired["candle_open"].dt.floor("D"),
        production_signals=paired["probability_production"].notna(),
        backtest_signals=paired["probability_backtest"].notna(),
    )
    by_day = pairs.assign(day=pairs["candle_open"].dt.floor("D")).groupby(["day", "side"])
    groups = dict(iter(by_day))
    nothing = pairs.iloc[:0]
    return [
        {
            "day": key[0],
            "side": key[1],
            **{name: int(rows[name].sum()) for name in _SIDE_COLUMNS},
            **_summary(groups.get(key, nothing)),
        }
        for key, rows in present.groupby(["day", "side"])
    ]


def _summary(pairs: pd.DataFrame) -> dict[str, Any]:
    worst = None if pairs.empty else pairs.iloc[int(pairs["abs_diff"].to_numpy().argmax())]
    return {
        "pairs": len(pairs),
        "sum_diff": float(pairs["diff"].sum()),
        "sum_abs_diff": float(pairs["abs_diff"].sum()),
        "max_abs_diff": None if worst is None else float(worst["abs_diff"]),
        "max_at": None if worst is None else worst["candle_open"],
        "above": int((~pairs["is_aligned"].astype(bool)).sum()),
        "flips": int(pairs["flip"].sum()),
        "decisions": int(pairs["decision_flip"].notna().sum()),
        "decision_flips": int(pairs["decision_flip"].fillna(False).sum()),
        "bins": histogram(pairs["diff"]),
        "block": pack_pairs(pairs),
    }


def _bin_numbers(diffs: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.floor(diffs.to_numpy(dtype="float64") / BIN_WIDTH).astype("int64")
