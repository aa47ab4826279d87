"""Names that a trader reads in place of codes and column names."""

from collections.abc import Mapping
from typing import Any

from core.bots import Comparison
from core.diagnosis.finding import Verdict
from core.market import REPLAY, Origin
from dashboard.markup import Badge, Tone

ORIGINS = {
    Origin.EMITTED: "Emitted by the bot",
    Origin.REPLAY: "Replay",
    Origin.BACKTEST: "Backtest",
}


def production_word(comparison: str) -> str:
    """What the first side of a comparison is called."""
    return "Emitted" if comparison == REPLAY else "Production"


def other_word(comparison: str) -> str:
    """What the second side of a comparison is called."""
    return "Replay" if comparison == REPLAY else "Backtest"


def comparison_sentence(comparison: Comparison) -> str:
    """What a comparison sets side by side."""
    if comparison.name == REPLAY:
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
    "candle_label": "Candles of the source under another time",
}

VERDICTS = {
    Verdict.PROVEN: "Proven",
    Verdict.PARTIAL: "Partly",
    Verdict.REFUTED: "Refuted",
    Verdict.UNTESTABLE: "Cannot be tested",
}

STEPS = {
    "ingest features": "Read feature logs",
    "ingest signals": "Read signal logs",
    "ingest candles": "Read candles",
    "check prices": "Check prices",
    "replay": "Replay the model",
    "import": "Import",
    "recompute": "Recompute",
    "pair": "Pair signals",
    "diagnose": "Diagnose",
}

_VERDICT_TONES: dict[Verdict, Tone] = {
    Verdict.PROVEN: "bad",
    Verdict.PARTIAL: "warn",
    Verdict.REFUTED: "unknown",
    Verdict.UNTESTABLE: "unknown",
}


def verdict_badge(verdict: Verdict) -> Badge:
    """A verdict on a cause; a proven cause is trouble that has a name."""
    return Badge(_VERDICT_TONES[verdict], VERDICTS[verdict])


def cause_word(code: str) -> str:
    """A cause as a trader names it."""
    return CAUSES.get(code, code.replace("_", " ").capitalize())


def step_word(step: str) -> str:
    """A step of the collector's cycle; imports and recomputations name their backtest."""
    if step in STEPS:
        return STEPS[step]
    kind, _, name = step.partition(" ")
    return f"{STEPS[kind]} {name}" if kind in STEPS else step


PARAMETERS = {
    "shift_bars": "shift (bars)",
    "lookback_bars": "lookback (bars)",
    "bundle": "bundle",
    "candles": "candles",
    "decimals": "decimals",
    "dtype": "number type",
    "lag_bars": "lag (bars)",
    "features": "features",
}


def parameter_words(parameters: Mapping[str, Any]) -> str:
    """The parameters of a cause in words."""
    return "; ".join(
        f"{PARAMETERS.get(name, name.replace('_', ' '))} {_parameter(value)}"
        for name, value in parameters.items()
    )


def _parameter(value: Any) -> str:
    if isinstance(value, list | tuple):
        more = f" and {len(value) - 8} more" if len(value) > 8 else ""
        return ", ".join(map(str, value[:8])) + more
    return str(value)
