"""Which features the reference pipeline has, in the order of its columns.

Names, units and histories only: the formulas live in the family modules and in
docs/reference_pipeline.md. Nothing here imports numba or TA-Lib, so whoever
only wants the names pays for nothing else.
"""

import itertools
from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    PCT = "pct"  # per cent, 1 % is 1.0
    RATIO = "ratio"  # 0..1 or -1..1, beyond where a price leaves its band
    POINTS = "points"  # an oscillator's own scale, mostly 0..100
    FLAG = "flag"  # 0 or 1, or -1, 0, 1 (TA-Lib: also 0.8 and 2 for weak and confirmed patterns)
    COUNT = "count"
    BARS = "bars"
    DEVIATIONS = "deviations"  # multiples of a standard deviation or a mean range
    QUOTE = "quote"  # the quote currency


class Reach(StrEnum):
    """What a value can see of its frame."""

    TRAILING = "trailing"  # the last history_bars candles, nothing else
    FRAME = "frame"  # every candle since the frame's first one: depends on the lookback


@dataclass(frozen=True, slots=True)
class Feature:
    """One column; NaN until history_bars candles (its own included) are there."""

    name: str
    unit: Unit
    history_bars: int
    reach: Reach


def _trailing(name: str, unit: Unit, history_bars: int) -> Feature:
    return Feature(name, unit, history_bars, Reach.TRAILING)


def _frame(name: str, unit: Unit, history_bars: int) -> Feature:
    return Feature(name, unit, history_bars, Reach.FRAME)


MOMENTUM = (
    _trailing("change_1_pct", Unit.PCT, 2),
    _trailing("change_3_pct", Unit.PCT, 4),
    _trailing("change_6_pct", Unit.PCT, 7),
    _trailing("change_12_pct", Unit.PCT, 13),
    _trailing("change_48_pct", Unit.PCT, 49),
    _frame("rsi_7", Unit.POINTS, 8),
    _frame("rsi_14", Unit.POINTS, 15),
    _frame("rsi_14_change_3", Unit.POINTS, 18),
    _frame("macd_pct", Unit.PCT, 26),
    _frame("macd_signal_pct", Unit.PCT, 34),
    _frame("macd_histogram_pct", Unit.PCT, 34),
    _frame("plus_di_14", Unit.POINTS, 15),
    _frame("minus_di_14", Unit.POINTS, 15),
    _frame("adx_14", Unit.POINTS, 28),
    _trailing("stochastic_k_14", Unit.POINTS, 14),
    _trailing("stochastic_d_3", Unit.POINTS, 16),
    _trailing("cci_20", Unit.DEVIATIONS, 20),
    _trailing("money_flow_14", Unit.POINTS, 15),
    _trailing("slope_20_pct", Unit.PCT, 20),
)

MOVING_AVERAGES = (
    _trailing("sma_20_distance_pct", Unit.PCT, 20),
    _trailing("sma_50_distance_pct", Unit.PCT, 50),
    _trailing("sma_10_20_spread_pct", Unit.PCT, 20),
    _trailing("sma_20_slope_pct", Unit.PCT, 25),
    _trailing("above_sma_count", Unit.COUNT, 50),
    _frame("ema_12_distance_pct", Unit.PCT, 12),
    _frame("ema_26_distance_pct", Unit.PCT, 26),
    _frame("ema_50_distance_pct", Unit.PCT, 50),
    _frame("ema_12_slope_pct", Unit.PCT, 15),
    _frame("ema_12_50_spread_pct", Unit.PCT, 50),
)

VOLATILITY = (
    _frame("atr_14_quote", Unit.QUOTE, 15),
    _frame("atr_14_pct", Unit.PCT, 15),
    _frame("ewm_deviation_pct", Unit.PCT, 21),
    _frame("keltner_20_position", Unit.DEVIATIONS, 20),
    _trailing("return_deviation_5_pct", Unit.PCT, 6),
    _trailing("return_deviation_20_pct", Unit.PCT, 21),
    _trailing("return_deviation_5_20_ratio", Unit.RATIO, 21),
    _trailing("downside_deviation_20_pct", Unit.PCT, 21),
    _trailing("upside_deviation_20_pct", Unit.PCT, 21),
    _trailing("bollinger_20_width_pct", Unit.PCT, 20),
    _trailing("bollinger_20_position_ratio", Unit.RATIO, 20),
    _trailing("mean_range_14_pct", Unit.PCT, 14),
)

LONG_RANGE = (
    _trailing("sma_200_distance_pct", Unit.PCT, 200),
    _trailing("sma_50_200_spread_pct", Unit.PCT, 200),
    _trailing("bollinger_200_width_pct", Unit.PCT, 200),
    _trailing("bollinger_200_position_ratio", Unit.RATIO, 200),
    _trailing("high_200_distance_pct", Unit.PCT, 200),
    _trailing("low_200_distance_pct", Unit.PCT, 200),
    _trailing("volume_200_ratio", Unit.RATIO, 200),
    _trailing("change_200_pct", Unit.PCT, 201),
    _frame("ema_200_distance_pct", Unit.PCT, 200),
    _frame("rsi_200", Unit.POINTS, 201),
    _frame("atr_200_pct", Unit.PCT, 201),
    _frame("atr_14_200_ratio", Unit.RATIO, 201),
)

VOLUME = (
    _trailing("volume_20_ratio", Unit.RATIO, 20),
    _trailing("volume_20_deviations", Unit.DEVIATIONS, 20),
    _trailing("volume_close_correlation_20", Unit.RATIO, 20),
    _trailing("chaikin_20_ratio", Unit.RATIO, 20),
    _trailing("falling_volume_20_ratio", Unit.RATIO, 20),
    _frame("ema_20_volume_ratio", Unit.RATIO, 20),
    _frame("on_balance_volume_ratio", Unit.RATIO, 20),
    _frame("accumulation_ratio", Unit.RATIO, 20),
    _frame("price_volume_trend_pct", Unit.PCT, 20),
)

VWAP = (
    _trailing("vwap_96_distance_pct", Unit.PCT, 96),
    _frame("vwap_distance_pct", Unit.PCT, 20),
    _frame("vwap_deviations", Unit.DEVIATIONS, 20),
    _frame("vwap_change_5_pct", Unit.PCT, 25),
    _frame("vwap_is_below", Unit.FLAG, 20),
    _frame("vwap_cross", Unit.FLAG, 21),
)

VOLUME_PROFILE = (
    _frame("profile_peak_distance_pct", Unit.PCT, 30),
    _frame("profile_value_high_distance_pct", Unit.PCT, 30),
    _frame("profile_value_low_distance_pct", Unit.PCT, 30),
    _frame("profile_value_width_pct", Unit.PCT, 30),
    _frame("profile_value_position_ratio", Unit.RATIO, 30),
    _frame("profile_in_value", Unit.FLAG, 30),
    _frame("profile_volume_above_ratio", Unit.RATIO, 30),
    _frame("profile_close_volume_ratio", Unit.RATIO, 30),
)

SUPPORT_RESISTANCE = (
    _trailing("support_50_distance_pct", Unit.PCT, 50),
    _trailing("resistance_50_distance_pct", Unit.PCT, 50),
    _trailing("support_50_touches", Unit.COUNT, 50),
    _trailing("resistance_50_touches", Unit.COUNT, 50),
    _trailing("channel_50_position_ratio", Unit.RATIO, 50),
    _trailing("bars_since_high_50", Unit.BARS, 50),
    _trailing("bars_since_low_50", Unit.BARS, 50),
    _trailing("upper_trendline_slope_pct", Unit.PCT, 50),
    _trailing("lower_trendline_slope_pct", Unit.PCT, 50),
    _trailing("upper_trendline_distance_pct", Unit.PCT, 50),
    _trailing("lower_trendline_distance_pct", Unit.PCT, 50),
    _trailing("breakout_20", Unit.FLAG, 21),
    _trailing("swing_structure", Unit.FLAG, 20),
)

CANDLES = (
    _trailing("body_ratio", Unit.RATIO, 1),
    _trailing("upper_shadow_ratio", Unit.RATIO, 1),
    _trailing("lower_shadow_ratio", Unit.RATIO, 1),
    _trailing("range_pct", Unit.PCT, 1),
    _trailing("doji", Unit.FLAG, 1),
    _trailing("hammer", Unit.FLAG, 1),
    _trailing("shooting_star", Unit.FLAG, 1),
    _trailing("inside_bar", Unit.FLAG, 2),
    _trailing("gap_pct", Unit.PCT, 2),
    _trailing("streak_bars", Unit.BARS, 20),
    _trailing("falling_20_ratio", Unit.RATIO, 20),
)

DIVERGENCES = (
    _frame("rsi_bullish_divergence", Unit.POINTS, 44),
    _frame("rsi_bearish_divergence", Unit.POINTS, 44),
    _frame("macd_bullish_divergence_pct", Unit.PCT, 63),
    _frame("macd_bearish_divergence_pct", Unit.PCT, 63),
    _frame("volume_bullish_divergence", Unit.FLAG, 30),
    _frame("volume_bearish_divergence", Unit.FLAG, 30),
    _frame("close_rsi_correlation_20", Unit.RATIO, 34),
)

TA_LIB = (
    _trailing("williams_r_50", Unit.POINTS, 50),
    _trailing("aroon_oscillator_25", Unit.POINTS, 26),
    _trailing("balance_of_power", Unit.RATIO, 1),
    _trailing("engulfing", Unit.FLAG, 3),
    _trailing("midprice_100_distance_pct", Unit.PCT, 100),
    _trailing("hikkake", Unit.FLAG, 6),
)

# The order of the numba families is the order in which frame_rows.fill_rows calls them.
NUMBA_FAMILIES = (
    MOMENTUM,
    MOVING_AVERAGES,
    VOLATILITY,
    LONG_RANGE,
    VOLUME,
    VWAP,
    VOLUME_PROFILE,
    SUPPORT_RESISTANCE,
    CANDLES,
    DIVERGENCES,
)
CATALOGUE: tuple[Feature, ...] = tuple(itertools.chain(*NUMBA_FAMILIES, TA_LIB))
