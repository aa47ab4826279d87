"""The pairs of one UTC day and side as one blob, so that a year is read in milliseconds.

Reading a year of pairs row by row costs most of a second; as 365 blobs it costs
a few milliseconds, and every statistic over them stays exact.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.market import SIDES
from core.times import index_from_us, us_from_index

_RECORD = np.dtype(
    [("candle_open", "<i8"), ("production", "<f8"), ("backtest", "<f8"), ("flags", "u1")]
)
_ALIGNED, _FLIP, _DECIDED, _DECISION_FLIP = 1, 2, 4, 8
_SIDE_COLUMNS = ["production_signals", "backtest_signals"]


def pack_pairs(pairs: pd.DataFrame) -> bytes:
    """The pairs of one day and side (columns as judge_pairs returns them), without loss."""
    records = np.zeros(len(pairs), dtype=_RECORD)
    records["candle_open"] = us_from_index(pairs["candle_open"])
    records["production"] = pairs["probability_production"].to_numpy(dtype="float64")
    records["backtest"] = pairs["probability_backtest"].to_numpy(dtype="float64")
    decision = pairs["decision_flip"].astype("boolean")
    records["flags"] = (
        _ALIGNED * pairs["is_aligned"].to_numpy(dtype="uint8")
        + _FLIP * pairs["flip"].to_numpy(dtype="uint8")
        + _DECIDED * decision.notna().to_numpy(dtype="uint8")
        + _DECISION_FLIP * decision.fillna(False).to_numpy(dtype="uint8")
    )
    return records.tobytes()


def unpack_pairs(blocks: Iterable[tuple[str, bytes]]) -> pd.DataFrame:
    """Blocks of (side, blob), in order → one frame of pairs.

    Columns: candle_open (UTC), side, production, backtest, diff (production −
    backtest), abs_diff, is_aligned, flip (bool), decision_flip (boolean, NA where
    unknown). Sorted as the blocks come.
    """
    parts = [(side, np.frombuffer(blob, dtype=_RECORD)) for side, blob in blocks]
    records = np.concatenate([part for _, part in parts]) if parts else np.zeros(0, dtype=_RECORD)
    sides = sorted({side for side, _ in parts})
    codes = [sides.index(side) for side, _ in parts]
    lengths = [len(part) for _, part in parts]
    production, backtest = records["production"], records["backtest"]
    flags = records["flags"]
    diff = production - backtest
    return pd.DataFrame(
        {
            "candle_open": index_from_us(records["candle_open"]),
            "side": pd.Categorical.from_codes(
                np.repeat(np.asarray(codes, dtype="int8"), lengths), categories=pd.Index(sides)
            ),
            "production": production,
            "backtest": backtest,
            "diff": diff,
            "abs_diff": np.abs(diff),
            "is_aligned": _has(flags, _ALIGNED),
            "flip": _has(flags, _FLIP),
            "decision_flip": pd.arrays.BooleanArray(
                _has(flags, _DECISION_FLIP), ~_has(flags, _DECIDED)
            ),
        }
    )


def unpack_judgements(
    blocks: Iterable[bytes],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Candle opens (µs) of the pairs of these blobs, and which are beyond the tolerance."""
    parts = [np.frombuffer(blob, dtype=_RECORD) for blob in blocks]
    opens = [part["candle_open"] for part in parts]
    flags = [part["flags"] for part in parts]
    if not parts:
        return np.zeros(0, dtype="int64"), np.zeros(0, dtype=bool)
    return np.concatenate(opens), ~_has(np.concatenate(flags), _ALIGNED)


def _has(flags: npt.NDArray[np.uint8], bit: int) -> npt.NDArray[np.bool_]:
    return np.asarray((flags & bit) > 0)


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
