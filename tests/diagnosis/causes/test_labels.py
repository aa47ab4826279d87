from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.causes.labels import code_of_shift
from core.diagnosis.evidence.evidence import Evidence, Kind, LogAccount
from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    COUNT,
    JUNE,
    OPENS,
    STEP,
    candles,
    diagnosed,
    evidence_of,
    features,
    needed,
    prices_of,
    proven,
    score,
)

ROWS = candles()


def _labelled(shift_bars: int, zone: str | None = None) -> Evidence:
    """The candle that a row speaks of opens so many bars from the row's label."""
    emitted = score(features(ROWS, OPENS + shift_bars * STEP))
    account = LogAccount(label_zone=zone)
    return evidence_of(emitted, prices=prices_of(ROWS, shift_bars), account=account)


@pytest.mark.parametrize("shift_bars", [-48, -12, -2, 2])
def test_a_wrong_clock_is_told_with_the_bars_that_lead_back(shift_bars: int) -> None:
    finding = proven(_labelled(shift_bars))["label_clock"]
    assert finding.parameters == {"shift_bars": shift_bars}
    assert finding.explained_ratio == 1.0
    way = "later" if shift_bars > 0 else "earlier"
    assert f"({abs(shift_bars)} bars) {way}" in finding.summary
    assert f"prices equal the close {shift_bars:+d} bars away" in finding.summary


@pytest.mark.parametrize(("shift_bars", "words"), [(-1, "the close"), (1, "the bar before")])
def test_a_label_one_candle_off_is_a_cause_of_its_own(shift_bars: int, words: str) -> None:
    evidence = _labelled(shift_bars)
    assert evidence.prices is not None
    written = OPENS + (shift_bars + 1) * STEP + 2_000_000
    evidence = replace(evidence, prices=replace(evidence.prices, written=written))
    found = proven(evidence)
    assert found.keys() == {"candle_offset"}
    assert f"as if {words} were the label" in found["candle_offset"].summary
    assert "Label each row with its candle's open time" in found["candle_offset"].summary


def test_where_nothing_tells_which_side_is_one_bar_off_both_are_named() -> None:
    found = proven(_labelled(-1))
    assert found.keys() == {"candle_offset"}
    assert found["candle_offset"].summary.startswith(
        'Either the log or the source "exchange" names each candle one bar off'
    )
    assert 'Else mend the labels of "exchange"' in found["candle_offset"].summary


def test_a_zone_that_explains_the_shift_is_named() -> None:
    """In March Berlin is an hour ahead of UTC."""
    finding = proven(_labelled(-12, "UTC"))["label_clock"]
    assert finding.evidence["zone"] == "Europe/Berlin"
    assert 'Set the zone of the signal log to "Europe/Berlin"' in finding.summary


def test_an_afternoon_of_wrong_labels_is_told_for_it_without_a_zone_for_all() -> None:
    noon = COUNT // 2
    right, wrong = _labelled(0), _labelled(-12)
    assert right.prices is not None and wrong.prices is not None
    prices = np.concatenate([right.prices.prices[:noon], wrong.prices.prices[noon:]])
    emitted = np.concatenate([right.production[:noon], wrong.production[noon:]])
    evidence = evidence_of(emitted, prices=replace(right.prices, prices=prices))
    finding = proven(evidence)["label_clock"]
    (span,) = finding.evidence["scope"]
    assert span == {"from": "2026-03-02T12:00:00Z", "last": "2026-03-02T23:55:00Z"}
    assert "Find what changed the labels' clock there" in finding.summary


def test_labels_that_the_prices_bear_out_are_refuted() -> None:
    found = diagnosed(evidence_of(score(features(ROWS), JUNE), prices=prices_of(ROWS)))
    for cause in ("label_clock", "candle_offset"):
        assert found[cause].verdict is Verdict.REFUTED
        assert "288 of 288 reference prices equal the close of the very" in found[cause].summary


def test_a_shift_of_one_kind_refutes_the_other() -> None:
    other = diagnosed(_labelled(-12))["candle_offset"]
    assert other.verdict is Verdict.REFUTED
    assert "point to a shift of -12 bars, which is label_clock" in other.summary


def test_prices_that_are_no_closes_leave_the_labels_open() -> None:
    prices = prices_of(ROWS)
    off = replace(prices, prices=prices.prices + 0.5, steps=prices.steps / 10)
    found = diagnosed(evidence_of(score(features(ROWS), JUNE), prices=off))
    assert found["label_clock"].verdict is Verdict.UNTESTABLE
    assert "log the candle's close" in found["label_clock"].summary


def test_an_imported_backtest_an_hour_late_is_told_by_its_signals() -> None:
    evidence = evidence_of(kind=Kind.IMPORTED, comparison="research", prices=prices_of(ROWS))
    stored = replace(evidence.stored, opens=OPENS + 12 * STEP)
    late = replace(evidence, stored=stored, other=stored.at(OPENS)[0], recompute=None)
    finding = proven(late)["label_clock"]
    assert finding.parameters == {"shift_bars": -12, "labels": "research"}
    assert "joining the backtest's row +12 bars away" in finding.summary
    assert "Set zone (or candle_open) of this backtest" in finding.summary


def test_labels_need_prices_or_another_side() -> None:
    unknown = np.full((COUNT, 2), np.nan)
    evidence = evidence_of(other=unknown)
    assert "no reference price stands beside" in str(needed("label_clock", evidence))
    imported = replace(evidence, kind=Kind.IMPORTED)
    assert "no reference price" in str(needed("candle_offset", imported))
    assert needed("label_clock", evidence_of()) is None
    assert needed("label_clock", replace(evidence, prices=prices_of(ROWS))) is None


def test_one_bar_is_an_offset_and_more_a_clock() -> None:
    codes = [code_of_shift(bars) for bars in (-2, -1, 1, 2)]
    assert codes == ["label_clock", "candle_offset", "candle_offset", "label_clock"]
