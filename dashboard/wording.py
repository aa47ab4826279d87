"""Names that a trader reads in place of codes and column names."""

from core.storage.reads.bots import Comparison

ORIGINS = {"emitted": "Emitted by the bot", "replay": "Replay", "backtest": "Backtest"}

METRICS = {
    "pairs": "Pairs",
    "matched_ratio": "Matched",
    "mean_diff": "Mean difference",
    "mean_abs_diff": "Mean size",
    "median_abs_diff": "Median size",
    "p95_abs_diff": "95th percentile",
    "p99_abs_diff": "99th percentile",
    "max_abs_diff": "Largest",
    "max_at": "Largest at",
    "share_above_tolerance": "Beyond tolerance",
    "flips": "Flips",
    "decision_flips": "Decision flips",
}


def production_word(comparison: str) -> str:
    """What the first side of a comparison is called."""
    return "Emitted" if comparison == "replay" else "Production"


def other_word(comparison: str) -> str:
    """What the second side of a comparison is called."""
    return "Replay" if comparison == "replay" else "Backtest"


def comparison_sentence(comparison: Comparison) -> str:
    """What a comparison sets side by side."""
    if comparison.name == "replay":
        return "What the bot emitted against the model re-run on the features that it logged."
    spec = comparison.spec
    if spec.get("signals"):
        return "Production against imported backtest signals."
    bars, mode = spec.get("lookback_bars"), spec.get("mode", "window")
    how = "each candle in a frame of its own" if mode == "window" else "one frame a UTC day"
    return f"Production against features recomputed from {bars} closed candles, {how}."
