"""Which prices that are no close did no market write: frozen, drawn or random ones.

A ticker read some seconds after the close, a mark price or another venue's close is no
close of these candles either, but it moves with them, at its own tick. So a price off the
closes is called drawn only where it does what no such price can: a run of rows that does not
follow the market, or lies on straight lines where the market's closes at that tick do not, or
a single row far off its neighbourhood. A run that repeats the last close before it was drawn
by nobody either: the feed stood still.
"""

from dataclasses import replace

import numpy as np

from core.arrays import Flags, Floats
from core.diagnosis.evidence.evidence import PriceRows
from core.diagnosis.evidence.rows import CLOSE, HIGH, LOW, CandleRows

_RUN_ROWS = 8  # in a row; fewer say nothing about how they move
_FOLLOWS = 0.5  # correlation of changes with those of the closes
_NEAR_RANGES = 3.0  # |price − close| in usual candle ranges: as far as another venue lies
_FAR_RANGES = 0.5  # beyond the neighbouring candles, for a row of its own
_STRAIGHT_SHARE = 0.5  # of a run's rows
_MARKET_STRAIGHT = 0.25  # of the closes at the same tick: a slow market lies on lines by itself
_NEAR_SHARE = 0.9  # of a run's rows near the market; a walk of its own leaves it
_FEW = 0.05  # of all rows: scattered ones that count beside drawn runs


def drawn_rows(
    rows: PriceRows, unmatched: Flags, candles: CandleRows, step_us: int, shift_bars: int
) -> Flags:
    """Per row of the log: drawn by no market. Only rows of `unmatched` can be.

    `shift_bars` leads from the labels to the candles. Rows that are scattered beside drawn
    runs count as well while they are few; many are a ticker's.
    """
    drawn = np.zeros(len(rows.opens), dtype=bool)
    if not unmatched.any():
        return drawn
    around = _around(rows, candles, step_us, shift_bars)
    usual_range = float(np.nanmedian(around[:, 1, HIGH] - around[:, 1, LOW]))
    close, straight, tick = around[:, 1, CLOSE], straight_rows(rows), _tick(rows)
    by_itself = straight_rows(replace(rows, prices=_at_tick(close, tick)))
    still = frozen_rows(rows, unmatched, candles, step_us, shift_bars)
    scattered = unmatched & ~still
    for first, stop in _runs(unmatched, rows.opens, step_us):
        part = slice(first, stop)
        if stop - first < _RUN_ROWS:
            continue
        scattered[part] = False
        is_straight = (
            float(straight[part].mean()) >= _STRAIGHT_SHARE
            and float(by_itself[part].mean()) < _MARKET_STRAIGHT
        )
        drawn[part] = is_straight or not _follows(rows.prices[part], close[part], usual_range, tick)
        drawn[part] &= ~still[part]
    far = scattered & (_beyond(rows.prices, around) > _FAR_RANGES * usual_range)
    drawn |= far
    if drawn.any() and scattered.sum() <= _FEW * len(rows.opens):
        drawn |= scattered
    return drawn


def frozen_rows(
    rows: PriceRows, unmatched: Flags, candles: CandleRows, step_us: int, shift_bars: int
) -> Flags:
    """Unmatched rows of runs that repeat the last close before them: the feed stood still."""
    still = np.zeros(len(rows.opens), dtype=bool)
    before = candles.at(rows.opens + (shift_bars - 1) * step_us)[0][:, CLOSE]
    for first, stop in _runs(unmatched, rows.opens, step_us):
        prices = rows.prices[first:stop]
        if stop - first >= _RUN_ROWS and (prices == prices[0]).all() and prices[0] == before[first]:
            still[first:stop] = True
    return still


def straight_rows(rows: PriceRows) -> Flags:
    """Rows whose price lies on the line between its neighbours, to the last digit."""
    straight = np.zeros(len(rows.prices), dtype=bool)
    if len(rows.prices) > 2:
        bend = np.abs(np.convolve(rows.prices, [1.0, -2.0, 1.0], mode="valid"))
        step = np.nan_to_num(rows.steps[1:-1], nan=0.0)
        straight[1:-1] = bend <= np.maximum(2 * step, 2e-6 * np.abs(rows.prices[1:-1]))
    return straight


def _around(rows: PriceRows, candles: CandleRows, step_us: int, shift_bars: int) -> Floats:
    """Rows × (before, own, after) × OHLCV."""
    own = rows.opens + shift_bars * step_us
    return np.stack([candles.at(own + bar * step_us)[0] for bar in (-1, 0, 1)], axis=1)


def _runs(unmatched: Flags, opens: np.ndarray, step_us: int) -> list[tuple[int, int]]:
    """First and stop of each stretch of unmatched rows without a hole of over an hour."""
    starts_new = np.diff(opens) > max(3_600_000_000, 2 * step_us)
    runs, first = [], None
    for place, is_off in enumerate(unmatched.tolist()):
        if first is not None and (not is_off or starts_new[place - 1]):
            runs.append((first, place))
            first = None
        if is_off and first is None:
            first = place
    if first is not None:
        runs.append((first, len(unmatched)))
    return runs


def _tick(rows: PriceRows) -> float:
    """The steps in which these prices move, however many digits are printed."""
    moves = np.abs(np.diff(rows.prices))
    printed = np.nan_to_num(rows.steps, nan=0.0).max(initial=0.0)
    return float(max(printed, moves[moves > 0].min(initial=np.inf) if (moves > 0).any() else 0.0))


def _at_tick(prices: Floats, tick: float) -> Floats:
    return np.asarray(np.round(prices / tick) * tick if tick > 0 else prices)


def _follows(prices: Floats, closes: Floats, usual_range: float, tick: float) -> bool:
    """Whether a run of prices moves as the market does, and near it.

    A price that moves in steps wider than the market's moves shows no correlation with them:
    there it is enough that it stays near.
    """
    off = np.abs(prices - closes)
    if not np.nanmedian(off) <= _NEAR_RANGES * usual_range:
        return False
    mine, market = np.diff(prices), np.diff(closes)
    known = np.isfinite(mine) & np.isfinite(market)
    if known.any() and tick > float(np.median(np.abs(market[known]))):
        return bool((off <= _NEAR_RANGES * usual_range + tick).mean() >= _NEAR_SHARE)
    if known.sum() < 3 or np.std(mine[known]) == 0 or np.std(market[known]) == 0:
        return False
    return float(np.corrcoef(mine[known], market[known])[0, 1]) >= _FOLLOWS


def _beyond(prices: Floats, around: Floats) -> Floats:
    """How far each price lies outside the candles before, at and after it; 0 inside."""
    high = np.fmax.reduce(around[:, :, HIGH], axis=1)
    low = np.fmin.reduce(around[:, :, LOW], axis=1)
    return np.asarray(np.nan_to_num(np.fmax(0.0, np.fmax(prices - high, low - prices))))
