"""What makes the difference go away on one candle: other comparisons, other lookbacks.

Every configured backtest is a trial on this candle: it differs from the chosen one in
stated ways, and either reproduces production or not. One candle is a hint, never a proof.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from core.alignment.pairs import REPLAY_FLOOR
from core.bundle.load import Bundle
from core.bundle.score import score_columns
from core.features.ladder import lookback_ladder
from core.market import REPLAY
from core.recompute.compute import Request, recompute_features
from core.recompute.pipeline import REFERENCE, load_pipeline
from core.settings import Mode
from core.times import Timeframe

# Five days of 5-minute candles, or the own lookback: each rung is computed while a reader waits.
_CURVE_BARS = 1440
_WHAT = ("pipeline", "lookback_bars", "mode", "candles", "bundle", "signals", "gap_policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Another comparison on the same candle. `changes`: key → (chosen, this one)."""

    comparison: str
    changes: Mapping[str, tuple[Any, Any]]
    before: float
    after: float

    @property
    def removes_all(self) -> bool:
        return self.after <= REPLAY_FLOOR < self.before


def candle_trials(
    chosen: str, specs: Mapping[str, Mapping[str, Any]], pairs: pd.DataFrame
) -> tuple[Trial, ...]:
    """Every other backtest of the candle against the chosen one, best first.

    `specs`: what each backtest is made with; `pairs`: the candle's pairs, with
    comparison (name) and abs_diff; the larger side counts.
    """
    worst = pairs.groupby("comparison")["abs_diff"].max().to_dict()
    if chosen not in worst:
        return ()
    own = specs[chosen]
    trials = [
        Trial(
            comparison=name,
            changes={
                key: (own.get(key), spec.get(key)) for key in _WHAT if own.get(key) != spec.get(key)
            },
            before=worst[chosen],
            after=worst[name],
        )
        for name, spec in specs.items()
        if name in worst and name not in (chosen, REPLAY)
    ]
    return tuple(sorted(trials, key=lambda trial: (trial.after, len(trial.changes))))


def can_climb(spec: Mapping[str, Any]) -> bool:
    """Whether the candle can be recomputed here: only Align's own pipeline runs in a reader."""
    return spec.get("pipeline") == REFERENCE


def curve_lookbacks(own_bars: int | None) -> tuple[int, ...]:
    """The ladder that a candle's curve is drawn at, around the backtest's own lookback."""
    own = [] if own_bars is None else [own_bars]
    return lookback_ladder(max(_CURVE_BARS, *own, 0), own)


def climb_ladder(
    bundle: Bundle,
    candles: pd.DataFrame,
    candle_open: datetime,
    *,
    lookbacks: Sequence[int],
    mode: Mode,
    timeframe: Timeframe,
    now: datetime,
) -> pd.DataFrame:
    """The candle's signals at each lookback: lookback_bars, side, probability.

    `candles` as core.candles.reads.read_candles gives them. Lookbacks that the
    candles do not suffice for, or features still warm up at, are left out.
    """
    pipeline = load_pipeline(REFERENCE, ())
    rows: list[dict[str, Any]] = []
    for bars in sorted(set(lookbacks)):
        computed = recompute_features(
            Request(pipeline=pipeline, lookback_bars=bars, mode=mode, timeframe=timeframe),
            candles,
            pd.DatetimeIndex([candle_open]),
            now=now,
        )
        if computed.features.empty:
            continue
        values = computed.features.to_numpy(dtype="float64")
        for side, model in bundle.sides.items():
            needed = [name for name in model.features if name in computed.warming.columns]
            if computed.warming[needed].to_numpy().any():
                continue
            scored = score_columns(model, list(computed.features.columns), values)
            rows.append(
                {
                    "lookback_bars": bars,
                    "side": str(side),
                    "probability": float(scored.probabilities[0]),
                }
            )
    return pd.DataFrame(rows, columns=["lookback_bars", "side", "probability"])
