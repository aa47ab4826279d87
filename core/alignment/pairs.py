"""Production and the other side of a comparison, set side by side candle by candle.

Pure frames: what is read and written around them is in pairing.py.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.rule import Decision, decide
from core.side import Side

KEYS = ["candle_open", "side"]
REPLAY_FLOOR = 1e-6
# Two decimals that differ by exactly the tolerance differ by a little more as floats
# (0.8 - 0.7 > 0.1): far above that noise, far below any printed digit.
NOISE = 1e-12

_RULE = ["long_threshold", "short_threshold", "long_avg_return", "short_avg_return", "gate"]
_PAIRED = [*KEYS, "probability_production", "probability_backtest", "diff", "abs_diff"]


def pair_signals(production: pd.DataFrame, backtest: pd.DataFrame) -> pd.DataFrame:
    """Pair both sides by candle open and side of the market.

    Both inputs: candle_open (UTC), side, probability (0..1); unique per
    (candle_open, side). Returns every key of either input, sorted, with
    probability_production, probability_backtest (NaN where that side is silent),
    diff = production - backtest and abs_diff; further columns of production come along.
    Raises pandas.errors.MergeError on duplicate keys.
    """
    left = production.rename(columns={"probability": "probability_production"})
    right = backtest[[*KEYS, "probability"]].rename(columns={"probability": "probability_backtest"})
    merged = left.merge(right, on=KEYS, how="outer", validate="one_to_one")
    merged = merged.sort_values(KEYS, ignore_index=True)
    diff = merged["probability_production"] - merged["probability_backtest"]
    merged = merged.assign(diff=diff, abs_diff=diff.abs())
    return merged[_PAIRED + [name for name in merged.columns if name not in _PAIRED]]


def replay_tolerance(step: pd.Series) -> pd.Series:
    """Largest abs_diff between a printed signal and its replay that is still aligned.

    `step`: value of the last printed digit, NaN where printed in full precision.
    """
    return (step.fillna(0.0) / 2).clip(lower=REPLAY_FLOOR)


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
    both = paired["diff"].notna()
    pairs = paired[both].reset_index(drop=True)
    limit = tolerance[both].to_numpy() if isinstance(tolerance, pd.Series) else tolerance
    threshold = _thresholds(pairs, live_rule)
    flips = (pairs["probability_production"].to_numpy() >= threshold) != (
        pairs["probability_backtest"].to_numpy() >= threshold
    )
    decisions = _decision_flips(
        paired, live_rule, live_rule if backtest_rule is None else backtest_rule
    )
    return pairs.assign(
        is_aligned=pairs["abs_diff"].to_numpy() <= limit + NOISE,
        flip=flips,
        decision_flip=decisions.reindex(pairs["candle_open"]).array,
    )


def _thresholds(pairs: pd.DataFrame, live_rule: pd.DataFrame) -> npt.NDArray[np.float64]:
    rules = live_rule.loc[pairs["candle_open"]]
    is_long = pairs["side"].to_numpy() == Side.LONG
    return np.where(is_long, rules["long_threshold"], rules["short_threshold"])


def _decision_flips(
    paired: pd.DataFrame, live_rule: pd.DataFrame, backtest_rule: pd.DataFrame
) -> pd.Series:
    """Per candle whether the two sides decide differently; NA where unknown."""
    production = _decisions(paired, "probability_production", live_rule)
    backtest = _decisions(paired, "probability_backtest", backtest_rule)
    is_known = (production != Decision.UNKNOWN) & (backtest != Decision.UNKNOWN)
    return (production != backtest).astype("boolean").where(is_known)


def _decisions(paired: pd.DataFrame, column: str, rule: pd.DataFrame) -> pd.Series:
    wide = paired.pivot(index="candle_open", columns="side", values=column).reindex(
        columns=[str(Side.LONG), str(Side.SHORT)]
    )
    constants = rule.loc[wide.index]
    decided = decide(
        wide[str(Side.LONG)],
        wide[str(Side.SHORT)],
        **{name: constants[name].to_numpy() for name in _RULE},
    )
    return pd.Series(decided, index=wide.index)
