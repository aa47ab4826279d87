"""One pass of every numba family over many frames cut from the same candles."""

import numpy as np
import numpy.typing as npt

from reference_pipeline.candle_patterns import fill_candle_patterns
from reference_pipeline.compiled import Bars, Floats, entry_kernel
from reference_pipeline.divergences import fill_divergences
from reference_pipeline.long_range import fill_long_range
from reference_pipeline.momentum import fill_momentum
from reference_pipeline.moving_averages import fill_moving_averages
from reference_pipeline.support_resistance import fill_support_resistance
from reference_pipeline.volatility import fill_volatility
from reference_pipeline.volume import fill_volume
from reference_pipeline.volume_profile import fill_volume_profile
from reference_pipeline.vwap import fill_vwap

Positions = npt.NDArray[np.int64]


@entry_kernel
def fill_rows(
    bars: Bars, starts: Positions, stops: Positions, rows: int, columns: Positions, out: Floats
) -> None:
    """For each frame bars[start:stop] the values of its last `rows` candles, below one another.

    A whole frame is one start with all its rows; windows are many starts with
    one row each. Both run this very machine code, which is why they agree to
    the bit. columns holds where each family begins, and the end of the last.
    """
    for frame in range(len(starts)):
        start = starts[frame]
        stop = stops[frame]
        cut = Bars(
            bars.open[start:stop],
            bars.high[start:stop],
            bars.low[start:stop],
            bars.close[start:stop],
            bars.volume[start:stop],
        )
        first = stop - start - rows
        block = out[frame * rows : (frame + 1) * rows]
        fill_momentum(cut, first, block[:, columns[0] : columns[1]])
        fill_moving_averages(cut, first, block[:, columns[1] : columns[2]])
        fill_volatility(cut, first, block[:, columns[2] : columns[3]])
        fill_long_range(cut, first, block[:, columns[3] : columns[4]])
        fill_volume(cut, first, block[:, columns[4] : columns[5]])
        fill_vwap(cut, first, block[:, columns[5] : columns[6]])
        fill_volume_profile(cut, first, block[:, columns[6] : columns[7]])
        fill_support_resistance(cut, first, block[:, columns[7] : columns[8]])
        fill_candle_patterns(cut, first, block[:, columns[8] : columns[9]])
        fill_divergences(cut, first, block[:, columns[9] : columns[10]])
