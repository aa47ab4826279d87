"""What is wrong for a part of the window, or on one side alone, is named for that part."""

from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Evidence, PriceRows
from core.diagnosis.evidence.rows import HIGH, LOW
from core.diagnosis.finding import Verdict
from core.diagnosis.report import diagnose_evidence
from core.diagnosis.search.soundness import check_soundness
from tests.diagnosis.cases import make_evidence

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clean() -> Evidence:
    return make_evidence(days=2)


def _prices(evidence: Evidence) -> PriceRows:
    assert evidence.prices is not None
    return evidence.prices


def _usual_range(evidence: Evidence) -> float:
    values = evidence.candles[str(check_soundness(evidence).source)].values
    return float(np.median(values[:, HIGH] - values[:, LOW]))


def _unpaired(evidence: Evidence, prices: PriceRows) -> Evidence:
    """With these prices, written when each candle closed, and no signal to agree with any."""
    production = np.full_like(evidence.production, np.nan)
    return replace(evidence, prices=prices, production=production)


@pytest.mark.parametrize("shift_bars", [-12, 1])
def test_labels_that_are_wrong_in_one_half_make_no_row_unreal(
    clean: Evidence, shift_bars: int
) -> None:
    rows = _prices(clean)
    half = len(rows.opens) // 2
    labels = rows.opens.copy()
    labels[half:] -= shift_bars * clean.timeframe.length_us
    order = np.argsort(labels, kind="stable")
    moved = PriceRows(
        log=rows.log,
        opens=labels[order],
        prices=rows.prices[order],
        steps=rows.steps[order],
        written=rows.opens[order] + clean.timeframe.length_us,
    )
    sound = check_soundness(_unpaired(clean, moved))
    assert not sound.unmatched.any()
    (shift,) = sound.shifts
    assert shift.check.shift_bars == shift_bars
    ((first, last),) = shift.spans
    moved_rows = labels[half:]
    assert abs(first - moved_rows[0]) <= 12 * clean.timeframe.length_us
    assert last == moved_rows[-1]


def test_two_clocks_in_one_log_are_both_found(clean: Evidence) -> None:
    rows = _prices(clean)
    half = len(rows.opens) // 2
    labels = rows.opens.copy()
    labels[:half] -= 48 * clean.timeframe.length_us
    labels[half:] -= 36 * clean.timeframe.length_us
    written = rows.opens + clean.timeframe.length_us
    sound = check_soundness(_unpaired(clean, replace(rows, opens=labels, written=written)))
    assert sorted(shift.check.shift_bars for shift in sound.shifts) == [36, 48]
    assert not sound.unmatched.any()


def test_the_prices_of_a_ticker_are_not_called_made_up(clean: Evidence) -> None:
    rows = _prices(clean)
    rng = np.random.default_rng(1)
    off = rng.random(len(rows.prices)) < 0.55
    noise = rng.normal(size=len(rows.prices)) * 0.2 * _usual_range(clean)
    prices = np.round(rows.prices + np.where(off, noise, 0.0), 1)
    diagnosis = diagnose_evidence(replace(clean, prices=replace(rows, prices=prices)))
    (finding,) = diagnosis.findings
    assert (finding.cause, finding.verdict) == ("unreal_rows", Verdict.UNTESTABLE)
    assert "another venue" in finding.summary


def test_a_stretch_of_another_venues_prices_is_not_called_made_up(clean: Evidence) -> None:
    rows = _prices(clean)
    half = len(rows.prices) // 2
    rng = np.random.default_rng(2)
    prices = rows.prices.copy()
    prices[half:] += rng.normal(size=len(prices) - half) * 0.3 * _usual_range(clean)
    sound = check_soundness(replace(clean, prices=replace(rows, prices=np.round(prices, 1))))
    assert sound.unmatched.sum() > 200
    assert (sound.unmatched & sound.outside).any()
    assert not sound.unreal_is_proven


@pytest.mark.parametrize("shape", ["elsewhere", "line", "walk"])
def test_prices_that_no_market_moves_are_made_up(clean: Evidence, shape: str) -> None:
    rows = _prices(clean)
    prices = rows.prices.copy()
    start, count = 200, 80
    steps = np.random.default_rng(3).normal(size=count).cumsum() * _usual_range(clean)
    drawn = {
        "elsewhere": np.full(count, prices[start] + 2 * _usual_range(clean)),
        "line": np.linspace(prices[start], prices[start + count], count),
        "walk": prices[start] + steps,
    }[shape]
    prices[start : start + count] = np.round(drawn, 1)
    sound = check_soundness(replace(clean, prices=replace(rows, prices=prices)))
    assert sound.unreal_is_proven
    unreal = np.flatnonzero(sound.unreal)
    assert unreal.min() >= start and unreal.max() < start + count
    assert len(unreal) >= 0.9 * count


def test_a_feed_that_stood_still_is_told_as_that(clean: Evidence) -> None:
    rows = _prices(clean)
    prices = rows.prices.copy()
    prices[201:281] = prices[200]
    emitted = clean.emitted.copy()
    emitted[201:281] = emitted[200]
    evidence = replace(clean, prices=replace(rows, prices=prices))
    sound = check_soundness(evidence)
    assert not sound.unreal_is_proven
    assert sound.still >= 70
    still = replace(evidence, emitted=emitted, production=emitted)
    findings = {finding.cause: finding for finding in diagnose_evidence(still).findings}
    assert findings["unreal_rows"].verdict is Verdict.UNTESTABLE
    assert "the feed stood still" in findings["unreal_rows"].summary


@pytest.mark.parametrize("side", [0, 1])
def test_another_bundle_on_one_side_alone_is_proven_for_that_side(side: int) -> None:
    evidence = make_evidence("bundle", days=2)
    emitted = evidence.emitted.copy()
    emitted[:, 1 - side] = evidence.other[:, 1 - side]
    production = evidence.production.copy()
    production[:, 1 - side] = evidence.other[:, 1 - side]
    diagnosis = diagnose_evidence(replace(evidence, emitted=emitted, production=production))
    first = diagnosis.findings[0]
    name = ("LONG", "SHORT")[side]
    assert (first.cause, first.verdict, first.sides) == ("bundle", Verdict.PROVEN, (name,))
    assert f"for {name} alone" in first.summary
    assert diagnosis.unexplained_ratio == pytest.approx(0.0, abs=1e-3)


def test_a_frame_and_another_lookback_that_hide_each_other_are_both_proven() -> None:
    evidence = make_evidence("row_position", "lookback", days=2)
    diagnosis = diagnose_evidence(evidence)
    proven = {f.cause: f.parameters for f in diagnosis.findings if f.verdict is Verdict.PROVEN}
    assert proven.keys() == {"row_position", "lookback"}
    assert evidence.backtest is not None
    assert proven["lookback"]["lookback_bars"] != evidence.backtest.lookback_bars
    assert diagnosis.unexplained_ratio == pytest.approx(0.0, abs=1e-3)
