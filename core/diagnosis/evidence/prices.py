"""Do the rows speak of the candles they are labelled with? Reference prices against closes.

A row matches when |price − close| ≤ half of its last printed digit. Shifts are
searched on the search half; the winner is judged on the held-out half.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.arrays import Flags
from core.diagnosis.evidence.blocks import cut_blocks
from core.diagnosis.evidence.evidence import PriceRows, half_step
from core.diagnosis.evidence.rows import CLOSE, HIGH, LOW, CandleRows

MAX_SHIFT_BARS = 2016  # a week of 5-minute bars; a zone moves labels by 14 hours at most
MIN_MATCHES = 5  # held-out ones; fewer have no say beside the rows that they are searched on
MIN_ROWS = 8  # matching; fewer, and the prices are not called closes
MIN_MATCH_SHARE = 0.25  # of all rows: a ticker's price is a close now and then
SIGNIFICANCE = 0.001  # of all shifts searched together
_PRICE_BLOCKS = 6  # short logs too are cut into three blocks to search and three to judge
_RUNNER_UP = 0.9  # of the winner's matches: from there on either shift might be the true one
FULL_PRECISION = 1e-9  # relative, of a price that was not printed with fewer digits


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCheck:
    """What the reference prices say about the labels. `shift_bars` leads to the true candle."""

    rows: int
    shift_bars: int
    matches: int
    matches_as_configured: int
    held_out_rows: int  # of these, rows with the price of the row before count once
    held_out_matches: int
    held_out_as_configured: int
    p_value: float | None
    shifts_searched: int
    is_proven: bool  # the shift is not 0 and passes every condition
    is_borne_out: bool  # held-out rows bear the shift out, be it 0 or not
    is_close: bool  # the prices are closes of these candles at some shift
    known: Flags  # per row: the source has the candle at the shift
    matched: Flags  # per row, at the shift
    outside: Flags  # per row: beyond its candle's high–low range at the shift

    @property
    def known_rows(self) -> int:
        """Rows whose candle is stored, at the shift."""
        return int(self.known.sum())

    @property
    def p_needed(self) -> float:
        return SIGNIFICANCE / max(self.shifts_searched, 1)

    def evidence(self) -> dict[str, object]:
        """The keys that every price check prints."""
        return {
            "price_rows": self.rows,
            "price_matches": self.matches,
            "price_matches_as_configured": self.matches_as_configured,
            "held_out_rows": self.held_out_rows,
            "held_out_matches": self.held_out_matches,
            "p_value": self.p_value,
            "shifts_searched": self.shifts_searched,
        }


def check_prices(rows: PriceRows, candles: CandleRows, step_us: int) -> PriceCheck | None:
    """Search the constant shift between labels and candles; None without a common candle."""
    grid = _Grid.of(rows, candles, step_us)
    if not grid.known.any():
        return None
    size = max(1, min(12, len(rows.opens) // _PRICE_BLOCKS))
    blocks = cut_blocks(rows.opens, (), min_candles=size)
    shifts = np.arange(-MAX_SHIFT_BARS, MAX_SHIFT_BARS + 1)
    matches = np.array([grid.matches(int(shift)) for shift in shifts])
    searched = matches[:, blocks.is_search].sum(axis=1)
    winner = _winner(shifts, searched)
    is_news = _is_news(rows.prices)
    held_out = matches[:, blocks.is_held_out & is_news]
    hits, as_configured = int(held_out[winner].sum()), int(held_out[MAX_SHIFT_BARS].sum())
    p_value = _p_value(held_out, winner, hits)
    total = int(matches[winner].sum())
    is_close = total >= max(MIN_ROWS, MIN_MATCH_SHARE * len(rows.opens))
    is_significant = p_value < SIGNIFICANCE / len(shifts)
    is_clear = _is_unambiguous(matches[:, blocks.is_search & is_news], winner)
    is_borne_out = is_close and hits >= MIN_MATCHES and is_significant and is_clear
    shift = int(shifts[winner])
    return PriceCheck(
        rows=len(rows.opens),
        shift_bars=shift,
        matches=total,
        matches_as_configured=int(matches[MAX_SHIFT_BARS].sum()),
        held_out_rows=held_out.shape[1],
        held_out_matches=hits,
        held_out_as_configured=as_configured,
        p_value=p_value,
        shifts_searched=len(shifts),
        is_proven=shift != 0 and is_borne_out and hits > as_configured,
        is_borne_out=is_borne_out,
        is_close=is_close,
        known=grid.known_at(shift),
        matched=matches[winner],
        outside=grid.outside(shift),
    )


def _is_news(prices: npt.NDArray[np.float64]) -> Flags:
    """Rows whose price is not the one before: rows of one price are one observation."""
    return np.asarray(np.diff(prices, prepend=np.nan) != 0)


def _is_unambiguous(searched: Flags, winner: int) -> bool:
    """Whether no other shift matches nearly all of the same rows: prices may repeat themselves.

    `searched`: shifts × rows. Other rows may well follow another shift.
    """
    same_rows = searched[:, searched[winner]].sum(axis=1)
    others = np.delete(same_rows, winner)
    return bool(others.max(initial=0) < _RUNNER_UP * same_rows[winner])


def _winner(shifts: npt.NDArray[np.int64], searched: npt.NDArray[np.int64]) -> int:
    """The place of the shift with most matches; the smallest shift of equals."""
    best = np.flatnonzero(searched == searched.max())
    return int(best[np.argmin(np.abs(shifts[best]))])


def _p_value(matches: Flags, winner: int, hits: int) -> float:
    """Binomial chance of as many matches, had the winner been like any other shift.

    The chance of one match is how often the other shifts match, at least one in
    all of their tests, so that prices that never repeat do not give zero.
    """
    from scipy.stats import binom

    others = np.delete(matches, winner, axis=0)
    chance = (int(others.sum()) + 1) / (others.size + 1)
    return float(binom.sf(hits - 1, matches.shape[1], min(chance, 1.0)))


@dataclass(frozen=True, slots=True)
class _Grid:
    """Closes, highs and lows on an unbroken grid of bars, so that a shift is a slice."""

    close: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    places: npt.NDArray[np.int64]
    prices: npt.NDArray[np.float64]
    half: npt.NDArray[np.float64]

    @classmethod
    def of(cls, rows: PriceRows, candles: CandleRows, step_us: int) -> "_Grid":
        first = int(rows.opens.min()) - MAX_SHIFT_BARS * step_us
        bars = (int(rows.opens.max()) - first) // step_us + MAX_SHIFT_BARS + 1
        opens = first + np.arange(bars, dtype="int64") * step_us
        values, _ = candles.at(opens)
        widest = np.fmax(half_step(rows.steps), np.abs(rows.prices) * FULL_PRECISION)
        return cls(
            close=values[:, CLOSE],
            high=values[:, HIGH],
            low=values[:, LOW],
            places=(rows.opens - first) // step_us,
            prices=rows.prices,
            half=np.asarray(widest),
        )

    @property
    def known(self) -> Flags:
        return np.isfinite(self.close)

    def known_at(self, shift: int) -> Flags:
        return np.asarray(np.isfinite(self.close[self.places + shift]))

    def matches(self, shift: int) -> Flags:
        close = self.close[self.places + shift]
        return np.asarray(np.abs(self.prices - close) <= self.half)

    def outside(self, shift: int) -> Flags:
        places = self.places + shift
        high, low = self.high[places], self.low[places]
        return np.asarray((self.prices > high + self.half) | (self.prices < low - self.half))


def matches_at(rows: PriceRows, candles: CandleRows) -> Flags:
    """Which rows print the close of the very candle they are labelled with."""
    values, _ = candles.at(rows.opens)
    widest = np.fmax(half_step(rows.steps), np.abs(rows.prices) * FULL_PRECISION)
    return np.asarray(np.abs(rows.prices - values[:, CLOSE]) <= widest)
