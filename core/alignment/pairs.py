"""Production and the other side of a comparison, set side by side candle by candle.

Pure frames: what is read and written around them is in pairing.py.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.market import Side
from core.rule import RULE_CONSTANTS, Decision, decide

KEYS = ["candle_open", "side"]
REPLAY_FLOOR = 1e-6  # a model answers in float32: seven digits
# Two decimals that differ by exactly the tolerance differ by a little more as floats
# (0.8 - 0.7 > 0.1): far above that noise, far below any printed digit.
NOISE = 1e-12

_PAIRED = [*KEYS, "probability_production", "probability_backtest", "diff", "abs_diff"]


def pair_signals(production: pd.DataFrame, backtest: pd.DataFrame) -> pd.DataFrame:
    """Pair both sides by candle open and side of the market.

    Both inputs: candle_open (UTC), side, probability (0..1); unique per
    (candle_open, side). Returns every key of either input, sorted, with
    probability_production, probability_backtest (NaN where that side is silent),
    diff = production - backtest and abs_diff; further columns of production come along.
    Raises pandas.errors.MergeError on duplicate keys.
    """
    ours = production.rename(columns={"probability": "probability_production"})
    right = backtest[[*KEYS, "probability"]].rename(columns={"probability": "probability_backtest"})
    merged = ours.merge(right, on=KEYS, how="outer", validate="one_to_one")
    merged = merged.sort_values(KEYS, ignore_index=True)
    diff = merged["probability_production"] - merged["probability_backtest"]
    merged = merged.assign(diff=diff, abs_diff=diff.abs())
    return merged[_PAIRED + [name for name in merged.columns if name not in _PAIRED]]


def replay_tolerance(step: pd.Series) -> pd.Series:
    """Largest abs_diff between a printed signal and its replay that is still aligned.

    `step`: value of the last printed digit, NaN where printed in full precision.
    """
    return (step.fillna(0.0) / 2).clip(lower=REPLAY_FLOOR)


def largest_aligned(step: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The largest abs_diff that is_aligned accepts under the replay_tolerance of these steps."""
    return np.fmax(step / 2, REPLAY_FLOOR) + NOISE


def is_aligned(
    abs_diff: npt.NDArray[np.float64], tolerance: float | npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Which differences (probability) lie within the tolerance, exactly on it included."""
    return np.asarray(abs_diff <= tolerance + NOISE)


def judge_pairs(
    paired: pd.DataFrame,
    *,
    tolerance: float | pd.Series,
    live_rule: pd.DataFrame,
    backtest_rule: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Only the keys that both sides have, with is_aligned, flip and decision_flip.

    `paired`: as pair_signals returns it. `tolerance`: one number, or one a row of
    `paired`. The rules hold the constants of the entry rule, one row a candle, indexed
    by candle_open; `backtest_rule` is what the backtest decides by (default: the live
    one). decision_flip is NA where LONG or SHORT of either side is missing.
    """
    codes, opens = pd.factorize(paired["candle_open"])
    live = _constants(live_rule, pd.DatetimeIndex(opens))
    own = live if backtest_rule is None else _constants(backtest_rule, pd.DatetimeIndex(opens))
    is_long = paired["side"].to_numpy() == Side.LONG
    production = paired["probability_production"].to_numpy(dtype="float64")
    backtest = paired["probability_backtest"].to_numpy(dtype="float64")
    threshold = np.where(is_long, live["long_threshold"][codes], live["short_threshold"][codes])
    decided = (
        _decisions(production, codes, is_long, live),
        _decisions(backtest, codes, is_long, own),
    )
    is_known = (decided[0] != Decision.UNKNOWN) & (decided[1] != Decision.UNKNOWN)
    flips = pd.arrays.BooleanArray((decided[0] != decided[1])[codes], ~is_known[codes])
    limit = tolerance.to_numpy() if isinstance(tolerance, pd.Series) else tolerance
    judged = paired.assign(
        is_aligned=is_aligned(paired["abs_diff"].to_numpy(), limit),
        flip=(production >= threshold) != (backtest >= threshold),
        decision_flip=flips,
    )
    return judged[paired["diff"].notna().to_numpy()].reset_index(drop=True)


def _constants(rule: pd.DataFrame, opens: pd.DatetimeIndex) -> dict[str, npt.NDArray[np.float64]]:
    """The rule's constants at these candles; raises KeyError for a candle that it lacks."""
    rows = rule.index.get_indexer(opens)
    if (rows < 0).any():
        raise KeyError(f"no rule for the candle of {opens[rows < 0][0]}")
    return {name: rule[name].to_numpy(dtype="float64")[rows] for name in RULE_CONSTANTS}


def _decisions(
    probabilities: npt.NDArray[np.float64],
    codes: npt.NDArray[np.intp],
    is_long: npt.NDArray[np.bool_],
    constants: dict[str, npt.NDArray[np.float64]],
) -> npt.NDArray[np.int8]:
    """Decision of each candle; `codes` says which candle a row is of."""
    sides = {}
    for side, rows in ((Side.LONG, is_long), (Side.SHORT, ~is_long)):
        sides[side] = np.full(len(constants["gate"]), np.nan)
        sides[side][codes[rows]] = probabilities[rows]
    return decide(sides[Side.LONG], sides[Side.SHORT], **constants)
