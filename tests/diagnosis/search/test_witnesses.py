"""A shift that prices point to, and who else can say which candle a row belongs to."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.arrays import Floats, Ints
from core.candles.reads import FEATURE_LOG
from core.diagnosis.evidence.evidence import Evidence, LogAccount, PriceRows
from core.diagnosis.evidence.rows import CLOSE, OPEN, CandleRows
from core.diagnosis.finding import Verdict
from core.diagnosis.report import diagnose_evidence
from core.diagnosis.search.soundness import check_soundness
from tests.diagnosis.small_world import (
    COUNT,
    JUNE,
    OPENS,
    STEP,
    candles,
    evidence_of,
    features,
    labelled,
    prices_of,
    score,
)

ROWS = candles()


def _prices(evidence: Evidence) -> PriceRows:
    assert evidence.prices is not None
    return evidence.prices


def _written(evidence: Evidence, written: Ints) -> Evidence:
    return replace(evidence, prices=replace(_prices(evidence), written=written))


def _silent(shift_bars: int, **more: Any) -> Evidence:
    """Prices that lie so many bars off, beside signals that agree with the other side nowhere."""
    noise = np.random.default_rng(3).random((COUNT, 2))
    return replace(labelled((shift_bars,), (), **more), production=noise, emitted=noise)


def _said(evidence: Evidence) -> dict[str, str]:
    """What each witness says of the shift that most prices point to."""
    sound = check_soundness(evidence)
    entry = sound.doubted or sound.shifts[0]
    return {said.witness: str(said.says) for said in entry.testimonies}


def _proven(evidence: Evidence) -> set[str]:
    findings = diagnose_evidence(evidence).findings
    return {finding.cause for finding in findings if finding.verdict is Verdict.PROVEN}


@pytest.mark.parametrize("shift_bars", [-12, -1, 1])
def test_signals_that_agree_at_the_true_candle_bear_the_shift_out(shift_bars: int) -> None:
    evidence = labelled((shift_bars,), ())
    assert _said(evidence) == {"signals": "supports"}
    assert [entry.check.shift_bars for entry in check_soundness(evidence).shifts] == [shift_bars]


@pytest.mark.parametrize("shift_bars", [-12, -1, 1])
def test_signals_that_agree_at_the_label_contradict_the_shift(shift_bars: int) -> None:
    evidence = evidence_of(prices=prices_of(ROWS, shift_bars))
    assert _said(evidence)["signals"] == "contradicts"
    assert _proven(evidence) == set()
    sound = check_soundness(evidence)
    assert sound.shifts == ()
    assert not sound.unreal.any()
    assert "but the signals agree at the labels as they are" in str(sound.no_close())


def test_prices_alone_prove_no_shift() -> None:
    sound = check_soundness(_silent(-13))
    assert sound.shifts == ()
    assert "no zone explains it" in str(sound.no_close())


def test_a_zone_makes_prices_enough() -> None:
    sound = check_soundness(_silent(-12, account=LogAccount(label_zone="UTC")))
    assert [entry.check.shift_bars for entry in sound.shifts] == [-12]


@pytest.mark.parametrize(("shift_bars", "delay_s", "says"), [(-1, 5, "supports"), (1, 5, None)])
def test_a_row_that_was_written_before_its_candle_closed_is_labelled_by_another(
    shift_bars: int, delay_s: int, says: str | None
) -> None:
    """Labels are the close: each row was written some seconds after its label."""
    evidence = _written(_silent(shift_bars), OPENS + delay_s * 1_000_000)
    assert _said(evidence).get("time of writing") == says
    assert bool(check_soundness(evidence).shifts) == (says == "supports")


@pytest.mark.parametrize("shift_bars", [-13, -1, 1])
def test_rows_written_when_their_candle_closed_contradict_any_shift(shift_bars: int) -> None:
    evidence = _written(_silent(shift_bars), OPENS + STEP + 5_000_000)
    assert _said(evidence)["time of writing"] == "contradicts"
    assert check_soundness(evidence).shifts == ()


def test_the_time_of_writing_is_silent_about_zones_and_late_writers() -> None:
    in_zone = _silent(-12, account=LogAccount(label_zone="UTC"))
    assert "time of writing" not in _said(_written(in_zone, OPENS + STEP + 5_000_000))
    late = np.full(COUNT, int(OPENS[-1]) + 400 * STEP)  # all at once, days later
    assert "time of writing" not in _said(_written(_silent(-1), late))
    assert "time of writing" not in _said(_written(_silent(-1), np.zeros(COUNT, dtype="int64")))


@pytest.mark.parametrize(("true", "says"), [(0, "contradicts"), (-12, "supports")])
def test_the_rest_of_the_candle_in_the_same_row_is_a_witness(true: int, says: str) -> None:
    values = ROWS.at(OPENS + true * STEP)[0]
    own = {"exchange": ROWS, FEATURE_LOG: CandleRows(OPENS, values)}
    evidence = _silent(-12, candles=own)
    evidence = replace(evidence, prices=replace(_prices(evidence), log=FEATURE_LOG))
    assert _said(evidence)["logged candle"] == says


def _gapped(equal: float) -> CandleRows:
    """Candles that open at the close before in so large a share of cases, else beside it."""
    values = ROWS.values.copy()
    beside = np.random.default_rng(1).random(len(values)) >= equal
    values[beside, OPEN] += 7.0
    return CandleRows(ROWS.opens, values)


def test_a_price_column_that_holds_the_open_names_no_other_candle() -> None:
    """42 % of the opens equal the close before, as in a real market."""
    rows = _gapped(0.42)
    opens = PriceRows(
        log="signals",
        opens=OPENS,
        prices=rows.at(OPENS)[0][:, OPEN],
        steps=np.full(COUNT, 1.0),
    )
    for emitted in (None, score(features(rows), JUNE)):
        evidence = evidence_of(emitted, rows=rows, prices=opens)
        assert not {"candle_offset", "label_clock", "unreal_rows"} & _proven(evidence)
    said = _said(evidence_of(score(features(rows), JUNE), rows=rows, prices=opens))
    assert said["open of the labelled candle"] == "contradicts"


def test_a_second_source_that_has_the_prices_at_their_labels_contradicts() -> None:
    """The exchange's file names each candle by its close; the venue's does not."""
    moved = CandleRows(ROWS.opens + STEP, ROWS.values)
    both = {"exchange": moved, "venue": ROWS}
    evidence = evidence_of(
        score(features(ROWS), JUNE), rows=moved, prices=prices_of(ROWS), candles=both
    )
    sound = check_soundness(evidence)
    assert sound.shifts == ()


def test_rows_cannot_move_onto_candles_that_the_log_has_already() -> None:
    half = COUNT // 2
    prices = prices_of(ROWS)
    doubled = prices.prices.copy()
    doubled[half:] = prices.prices[:half]  # the second half prints the first half's closes
    evidence = evidence_of(
        np.random.default_rng(3).random((COUNT, 2)), prices=replace(prices, prices=doubled)
    )
    sound = check_soundness(evidence)
    assert sound.shifts == ()


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("tick", [1.0, 20.0])
def test_no_random_walk_proves_anything(seed: int, tick: float) -> None:
    """Coarse prices cross the closes for hours on end at some of four thousand shifts."""
    walk = _walk(seed, tick)
    prices = PriceRows(log="signals", opens=OPENS, prices=walk, steps=np.full(COUNT, tick))
    sound = check_soundness(_beside_noise(prices, seed))
    assert sound.shifts == ()


def _walk(seed: int, tick: float) -> Floats:
    rng = np.random.default_rng(seed)
    steps = rng.integers(-60, 61, COUNT).cumsum()
    start = float(ROWS.at(OPENS[:1])[0][0, CLOSE])
    return np.asarray(np.round((start + steps) / tick) * tick)


def _beside_noise(prices: PriceRows, seed: int) -> Evidence:
    noise = np.random.default_rng(100 + seed).random((COUNT, 2))
    return evidence_of(noise, prices=prices)


@pytest.mark.parametrize(("on_time", "is_heard"), [(259, False), (260, True)])
def test_nine_of_ten_rows_have_to_be_written_in_time(on_time: int, is_heard: bool) -> None:
    """259 of 288 rows are 89.9 %, 260 are 90.3 %; the others were written days later."""
    written = OPENS + STEP + 1
    written[on_time:] += 1000 * STEP
    assert ("time of writing" in _said(_written(_silent(-1), written))) == is_heard


@pytest.mark.parametrize(("behind_s", "is_heard"), [(4.9, True), (5.1, False)])
def test_a_hosts_clock_may_be_five_seconds_behind(behind_s: float, is_heard: bool) -> None:
    written = OPENS + STEP - int(behind_s * 1_000_000)
    # Of a shift by one bar back, the same rows are in time as well where they are too early.
    assert ("time of writing" in _said(_written(_silent(1), written))) == is_heard


@pytest.mark.parametrize(("share", "says"), [(0.04, None), (0.06, "contradicts")])
def test_one_signal_of_twenty_more_that_is_equal_at_the_label_contradicts(
    share: float, says: str | None
) -> None:
    evidence = _silent(-13)
    emitted = evidence.emitted.copy()
    count = round(share * COUNT)
    emitted[20 : 20 + count] = evidence.stored.at(OPENS)[0][20 : 20 + count]
    mixed = replace(evidence, emitted=emitted, production=emitted)
    assert _said(mixed).get("signals") == says
