import numpy as np
import pytest

from core.diagnosis.evidence.evidence import PriceRows
from core.diagnosis.evidence.prices import check_prices, matches_at
from core.diagnosis.evidence.rows import CLOSE, CandleRows

STEP = 300_000_000
FIRST = 1_760_000_000_000_000 // STEP * STEP


def _candles(count: int = 6000, seed: int = 1) -> CandleRows:
    closes = np.round(100_000 + np.cumsum(np.random.default_rng(seed).normal(0, 60, count)), 1)
    values = np.column_stack([closes, closes + 20, closes - 20, closes, np.ones(count)])
    return CandleRows(FIRST + np.arange(count, dtype="int64") * STEP, values)


def _rows(candles: CandleRows, places: np.ndarray, shift: int = 0) -> PriceRows:
    """Prices of these candles, labelled `shift` bars away from their own."""
    return PriceRows(
        log="text",
        opens=candles.opens[places] + shift * STEP,
        prices=candles.values[places, CLOSE],
        steps=np.full(len(places), 0.1),
    )


def test_right_labels_match_at_shift_zero_and_nothing_is_proven() -> None:
    candles = _candles()
    check = check_prices(_rows(candles, np.arange(3000, 3100)), candles, STEP)
    assert check is not None
    assert (check.shift_bars, check.matches, check.is_proven) == (0, 100, False)


@pytest.mark.parametrize("shift", [108, -1, 1, -12])
def test_a_constant_shift_is_found_with_the_bars_that_lead_back(shift: int) -> None:
    candles = _candles()
    check = check_prices(_rows(candles, np.arange(3000, 3046), shift), candles, STEP)
    assert check is not None and check.is_proven
    assert check.shift_bars == -shift
    assert check.matches == 46
    assert check.p_value is not None and check.p_value < check.p_needed


def test_prices_of_a_ticker_are_no_closes() -> None:
    candles = _candles()
    rows = _rows(candles, np.arange(3000, 3100))
    noisy = PriceRows(log="t", opens=rows.opens, prices=rows.prices + 7.33, steps=rows.steps)
    check = check_prices(noisy, candles, STEP)
    assert check is not None
    assert not check.is_close
    assert not check.is_proven


def test_seven_matching_rows_prove_nothing() -> None:
    candles = _candles()
    check = check_prices(_rows(candles, np.arange(3000, 3007), 108), candles, STEP)
    assert check is not None and not check.is_proven


@pytest.mark.parametrize(("rows", "is_close"), [(7, False), (8, True)])
def test_prices_are_closes_from_eight_matching_rows_on(rows: int, is_close: bool) -> None:
    candles = _candles()
    check = check_prices(_rows(candles, np.arange(3000, 3000 + rows)), candles, STEP)
    assert check is not None and check.is_close is is_close


@pytest.mark.parametrize(("matching", "is_close"), [(24, False), (25, True)])
def test_prices_are_closes_where_a_quarter_of_the_rows_match(matching: int, is_close: bool) -> None:
    candles = _candles()
    rows = _rows(candles, np.arange(3000, 3100))
    off = np.where(np.isin(np.arange(100), np.arange(matching) * 4), 0.0, 7.33)
    mixed = PriceRows(log="t", opens=rows.opens, prices=rows.prices + off, steps=rows.steps)
    check = check_prices(mixed, candles, STEP)
    assert check is not None
    assert (check.matches, check.is_close) == (matching, is_close)


@pytest.mark.parametrize(("rows", "is_proven"), [(9, False), (10, True)])
def test_a_shift_is_proven_by_five_held_out_matches(rows: int, is_proven: bool) -> None:
    candles = _candles()
    check = check_prices(_rows(candles, np.arange(3000, 3000 + rows), 108), candles, STEP)
    assert check is not None and check.is_proven is is_proven


def test_prices_that_repeat_all_the_time_prove_no_shift() -> None:
    count = 6000
    flat = np.tile([100.0, 100.1], count // 2)
    values = np.column_stack([flat, flat + 1, flat - 1, flat, np.ones(count)])
    candles = CandleRows(FIRST + np.arange(count, dtype="int64") * STEP, values)
    check = check_prices(_rows(candles, np.arange(3000, 3100), 5), candles, STEP)
    assert check is not None and not check.is_proven


def test_without_a_common_candle_there_is_no_check() -> None:
    candles = _candles(100)
    rows = _rows(candles, np.arange(10, 60))
    far = PriceRows(log="t", opens=rows.opens + 90_000 * STEP, prices=rows.prices, steps=rows.steps)
    assert check_prices(far, candles, STEP) is None


def test_half_of_the_last_digit_counts_as_a_match() -> None:
    candles = _candles()
    rows = _rows(candles, np.arange(3000, 3100))
    coarse = PriceRows(log="t", opens=rows.opens, prices=np.round(rows.prices), steps=np.ones(100))
    check = check_prices(coarse, candles, STEP)
    assert check is not None and check.matches == 100


def _copied(share: float) -> CandleRows:
    """The closes of candles 3000 … 3099 stand again 500 bars later, on a share of the searched."""
    candles = _candles()
    searched = np.concatenate(np.array_split(np.arange(100), 8)[::2])
    again = 3000 + searched[: round(share * len(searched))]
    values = candles.values.copy()
    values[again + 500] = values[again]
    return CandleRows(candles.opens, values)


@pytest.mark.parametrize(("share", "is_proven"), [(0.88, True), (0.92, False)])
def test_a_shift_is_not_proven_where_another_matches_nine_tenths_of_its_rows(
    share: float, is_proven: bool
) -> None:
    candles = _copied(share)
    check = check_prices(_rows(candles, np.arange(3000, 3100), 108), candles, STEP)
    assert check is not None
    assert check.shift_bars == -108
    assert check.is_proven is is_proven


@pytest.mark.parametrize(("rows", "matches", "is_proven"), [(19, 9, False), (20, 10, True)])
def test_a_shift_has_to_be_rarer_than_one_in_a_thousand_among_all_that_were_searched(
    rows: int, matches: int, is_proven: bool
) -> None:
    # Closes take five values, so any shift matches a fifth of the rows: nine held-out matches
    # come by chance once in 2 million shifts, ten once in 10 million; 4033 are searched.
    closes = 100_000.0 + np.random.default_rng(1).integers(0, 5, 6000)
    values = np.column_stack([closes, closes + 9, closes - 9, closes, np.ones(6000)])
    candles = CandleRows(FIRST + np.arange(6000, dtype="int64") * STEP, values)
    check = check_prices(_rows(candles, np.arange(3000, 3000 + rows), 108), candles, STEP)
    assert check is not None
    assert (check.shift_bars, check.held_out_matches) == (-108, matches)
    assert check.shifts_searched == 4033
    assert check.p_value is not None
    assert (check.p_value < check.p_needed) is is_proven
    assert check.is_proven is is_proven


@pytest.mark.parametrize(("shift", "is_found"), [(2016, True), (-2016, True), (2017, False)])
def test_labels_are_searched_a_week_of_bars_to_both_sides(shift: int, is_found: bool) -> None:
    candles = _candles()
    check = check_prices(_rows(candles, np.arange(3000, 3040), shift), candles, STEP)
    assert check is not None
    assert (check.shift_bars == -shift) is is_found
    assert check.is_proven is is_found


def test_prices_of_a_short_log_are_cut_into_six_blocks_half_of_them_held_out() -> None:
    candles = _candles()
    check = check_prices(_rows(candles, np.arange(3000, 3066)), candles, STEP)
    assert check is not None
    assert (check.rows, check.held_out_rows) == (66, 33)


@pytest.mark.parametrize(("relative", "matches"), [(0.9e-9, 40), (1.1e-9, 0)])
def test_an_unrounded_price_is_a_close_to_nine_digits(relative: float, matches: int) -> None:
    candles = _candles()
    rows = _rows(candles, np.arange(3000, 3040))
    unknown = np.full(40, np.nan)
    near = PriceRows(log="t", opens=rows.opens, prices=rows.prices * (1 + relative), steps=unknown)
    check = check_prices(near, candles, STEP)
    assert check is not None
    assert check.matches_as_configured == matches
    assert matches_at(near, candles).sum() == matches


def test_rows_of_candles_that_are_not_stored_are_not_known() -> None:
    candles = _candles(3040)
    check = check_prices(_rows(_candles(), np.arange(3000, 3060)), candles, STEP)
    assert check is not None
    assert (check.rows, check.known_rows, check.matches) == (60, 40, 40)


def test_a_price_beyond_its_candle_is_outside() -> None:
    candles = _candles()
    rows = _rows(candles, np.arange(3000, 3100))
    prices = rows.prices.copy()
    prices[7] += 20.2  # the high lies 20 above the close; half a digit is 0.05
    prices[8] -= 19.9
    moved = PriceRows(log="t", opens=rows.opens, prices=prices, steps=rows.steps)
    check = check_prices(moved, candles, STEP)
    assert check is not None
    assert np.flatnonzero(check.outside).tolist() == [7]
    assert check.evidence()["price_matches"] == 98
