"""The one ladder of lookbacks: how many candles something is recomputed with, rung by rung.

The sensitivity report, the search for the bot's lookback and the curve of a candle climb
the same one, so that a lookback that one of them can name is known to all.
"""

from collections.abc import Sequence

# Round numbers, the most candles that exchanges answer with (500, 999, 1000, 1440, 1500), and
# whole days: 288 candles of 5 minutes are one, 2016 a week, 8640 a month; 720 of an hour a month.
USUAL_BARS = (
    *(50, 100, 150, 200, 250, 288, 300, 400, 500, 576, 600, 720, 800, 900, 999, 1000),
    *(1200, 1440, 1500, 1800, 2000, 2016, 2400, 2880, 3600, 4320, 5000, 5760, 7200, 8640),
)
_STEPS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_FEW_STEPS = (0.5, 1.0, 2.0)


def lookback_ladder(
    longest_bars: int, configured: Sequence[int] = (), *, is_short: bool = False
) -> tuple[int, ...]:
    """Usual lookbacks and steps around the configured ones (all in candles), rising.

    None is longer than `longest_bars`. A short ladder, for a slow pipeline, has no usual
    ones, and the configured ones with half and twice of each.
    """
    steps = _FEW_STEPS if is_short else _STEPS
    around = {max(1, round(bars * step)) for bars in configured for step in steps}
    rungs = around if is_short else {*around, *USUAL_BARS}
    return tuple(bars for bars in sorted(rungs) if bars <= longest_bars)
