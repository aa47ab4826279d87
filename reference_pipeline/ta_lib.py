"""The features that TA-Lib computes.

Only functions whose result at a row rests on its last few candles alone, to
the bit: those that keep running sums (LINEARREG_SLOPE, CCI) or the index of an
extreme (MAXINDEX with equal highs) round or choose differently in a frame that
began elsewhere, so one value a window could not be read off a longer series.
"""

import numpy as np
import talib

from reference_pipeline.compiled import Bars, Floats


def distances_pct(close: Floats, base: Floats) -> Floats:
    """How far the closes lie above base, in per cent of it; 0 where base is 0."""
    result = np.zeros(len(close))
    return np.divide(close - base, base, out=result, where=base != 0.0) * 100.0


def ta_lib_columns(bars: Bars) -> Floats:
    """One row a candle, columns as in features.TA_LIB; a pattern's ±100 becomes ±1."""
    open_, high, low, close, _ = bars
    return np.column_stack(
        [
            talib.WILLR(high, low, close, timeperiod=50),
            talib.AROONOSC(high, low, timeperiod=25),
            talib.BOP(open_, high, low, close),
            talib.CDLENGULFING(open_, high, low, close) / 100.0,
            distances_pct(close, talib.MIDPRICE(high, low, timeperiod=100)),
            talib.CDLHIKKAKE(open_, high, low, close) / 100.0,
        ]
    )
