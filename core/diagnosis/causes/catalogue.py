"""Every cause, in the order in which equally good explanations are preferred.

First what is wrong with the rows, then the coarse facts that one line of
configuration states, then what needs several parameters to say.
"""

from core.diagnosis.cause import Cause
from core.diagnosis.causes import (
    bundle,
    candle_label,
    column_collision,
    column_order,
    labels,
    lookback,
    market_data,
    missing_candles,
    missing_features,
    nan_policy,
    partial_candle,
    pipeline_version,
    precision,
    row_position,
    scaler,
    sides_swapped,
    stale_features,
    threshold,
    unclosed_candle,
    unreal_rows,
    warm_up,
)

CAUSES: tuple[Cause, ...] = (
    labels.CLOCK,
    labels.OFFSET,
    unreal_rows.CAUSE,
    candle_label.CAUSE,
    bundle.CAUSE,
    sides_swapped.CAUSE,
    scaler.CAUSE,
    lookback.CAUSE,
    row_position.CAUSE,
    pipeline_version.CAUSE,
    unclosed_candle.CAUSE,
    partial_candle.CAUSE,
    missing_candles.CAUSE,
    market_data.CAUSE,
    warm_up.CAUSE,
    stale_features.CAUSE,
    column_collision.CAUSE,
    nan_policy.CAUSE,
    precision.CAUSE,
    column_order.CAUSE,
    missing_features.CAUSE,
    threshold.CAUSE,
)
BY_CODE = {cause.code: cause for cause in CAUSES}
CODES = tuple(BY_CODE)
