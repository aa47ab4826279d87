from dataclasses import replace

import pytest

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.search.soundness import check_soundness
from tests.diagnosis.small_world import COUNT, OPENS, candles, evidence_of, labelled, prices_of

ROWS = candles()
PRICES = prices_of(ROWS)


@pytest.mark.parametrize("cuts", [(144,), (120, 200, 250), (100, 170, 220, 258)])
def test_four_clocks_are_told_apart_in_one_log(cuts: tuple[int, ...]) -> None:
    shifts = (-12, -24, -36, -48, -60)[: len(cuts) + 1]
    found = check_soundness(labelled(shifts, cuts)).shifts
    assert [entry.check.shift_bars for entry in found] == list(shifts[:4])


def test_each_clock_speaks_of_its_own_stretch() -> None:
    found = check_soundness(labelled((-12, -24))).shifts
    spans = {entry.check.shift_bars: entry.spans for entry in found}
    noon = COUNT // 2
    assert spans == {
        -12: ((int(OPENS[0]), int(OPENS[noon - 1])),),
        -24: ((int(OPENS[noon]), int(OPENS[-1])),),
    }


def test_a_log_that_is_right_in_part_keeps_that_part() -> None:
    sound = check_soundness(labelled((0, -12)))
    (shift,) = sound.shifts
    assert shift.check.shift_bars == -12
    assert not sound.unmatched.any()


def _off(count: int, by: float = 1000.5) -> Evidence:
    """Closes of the candle an hour before, but for the last rows."""
    late = labelled((-12,), ())
    assert late.prices is not None
    prices = late.prices.prices.copy()
    prices[COUNT - count :] += by
    return replace(late, prices=replace(late.prices, prices=prices, steps=late.prices.steps / 10))


@pytest.mark.parametrize(("off", "is_everywhere"), [(28, True), (29, False)])
def test_a_shift_that_nine_of_ten_rows_follow_speaks_of_all(off: int, is_everywhere: bool) -> None:
    """28 of 288 rows are 9.7 %, 29 are 10.1 %."""
    (shift,) = check_soundness(_off(off)).shifts
    assert (shift.spans == ()) == is_everywhere


def test_a_finding_names_200_unreal_candles_and_counts_them_all() -> None:
    prices = PRICES.prices.copy()
    prices[40:241] = 1.0
    document = check_soundness(evidence_of(prices=replace(PRICES, prices=prices))).document()
    assert document["unreal_rows"] == 201
    named = document["unreal_candles"]
    assert isinstance(named, list)
    assert (len(named), named[0]) == (200, "2026-03-02T03:20:00Z")


@pytest.mark.parametrize(("off", "source"), [(28, "exchange"), (29, "venue")])
def test_the_backtests_candles_are_held_against_unless_another_source_fits_far_better(
    off: int, source: str
) -> None:
    """The log prints the venue's closes; the exchange's are equal in nine rows of ten."""
    values = ROWS.values.copy()
    values[len(values) - off :, 3] += 3.0
    venue = replace(ROWS, values=values)
    evidence = evidence_of(prices=prices_of(venue), candles={"exchange": ROWS, "venue": venue})
    assert check_soundness(evidence).source == source


def test_the_bots_own_log_is_asked_only_where_there_is_no_other_source() -> None:
    own = {"feature_log": ROWS}
    assert check_soundness(evidence_of(prices=PRICES, candles=own)).source == "feature_log"
    both = {**own, "exchange": ROWS}
    assert check_soundness(evidence_of(prices=PRICES, candles=both)).source == "exchange"
    of_log = replace(PRICES, log="feature_log")
    assert check_soundness(evidence_of(prices=of_log, candles=own)).source is None


def test_without_prices_nothing_is_said() -> None:
    sound = check_soundness(evidence_of())
    assert (sound.check, sound.shifts, sound.no_close()) == (None, (), None)
    assert len(sound.unreal_labels()) == 0
    assert not sound.is_close
