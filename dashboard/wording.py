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


CAUSES = {
    "label_clock": "Labels in another time zone",
    "candle_offset": "Labels one candle off",
    "unreal_rows": "Rows that never were in the market",
    "unclosed_candle": "Computed on an open candle",
    "partial_candle": "Unfinished candle kept",
    "market_data": "Other market data",
    "missing_candles": "Missing candles in the window",
    "lookback": "Other lookback",
    "warm_up": "Too little history",
    "row_position": "Position of the row in its frame",
    "pipeline_version": "Feature code changed",
    "column_collision": "Column collision",
    "column_order": "Column order",
    "missing_features": "Missing features",
    "nan_policy": "Handling of missing values",
    "precision": "Rounded values",
    "stale_features": "Features of the candle before",
    "bundle": "Another model was live",
    "sides_swapped": "LONG and SHORT swapped",
    "scaler": "Another scaler",
    "threshold": "Other thresholds",
}

VERDICTS = {
    "proven": "Proven",
    "partial": "Partly",
    "refuted": "Refuted",
    "untestable": "Cannot be tested",
}

STEPS = {
    "features": "Read feature logs",
    "ingest": "Read feature logs",
    "signals": "Read signal logs",
    "candles": "Read candles",
    "replay": "Replay the model",
    "import": "Import backtests",
    "recompute": "Recompute backtests",
    "pair": "Pair signals",
    "diagnose": "Diagnose",
}


def cause_word(code: str) -> str:
    """A cause as a trader names it."""
    return CAUSES.get(code, code.replace("_", " ").capitalize())


def step_word(step: str) -> str:
    """A step of the collector's cycle; recomputations name their backtest after a colon."""
    kind, _, name = step.partition(":")
    word = STEPS.get(kind, kind.replace("_", " ").capitalize())
    return f"{word}: {name.strip()}" if name else word
