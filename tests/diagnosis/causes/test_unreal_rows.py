from dataclasses import replace

import numpy as np

from core.diagnosis.evidence.evidence import Evidence, PriceRows
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.finding import Finding, Verdict
from tests.diagnosis.small_world import (
    JUNE,
    OPENS,
    candles,
    diagnosed,
    evidence_of,
    features,
    needed,
    prices_of,
    score,
)

ROWS = candles()
PRICES = prices_of(ROWS)
DRAWN = slice(100, 160)


def _frozen() -> PriceRows:
    """A price that stands still for five hours, far from the market."""
    prices = PRICES.prices.copy()
    prices[DRAWN] = 1.02 * prices[100] // 1
    return replace(PRICES, prices=prices)


def _garbled(prices: PriceRows) -> Evidence:
    """What the bot emitted for the drawn rows is made up as well."""
    emitted = score(features(ROWS))
    emitted[DRAWN] = emitted[DRAWN][::-1]
    return evidence_of(emitted, prices=prices)


def _told(evidence: Evidence) -> Finding:
    return diagnosed(evidence)["unreal_rows"]


def test_a_price_that_stood_still_is_proven_with_its_first_candle() -> None:
    finding = _told(_garbled(_frozen()))
    assert finding.verdict is Verdict.PROVEN
    assert finding.explained_ratio == 1.0
    assert finding.residual_mean_abs_diff == 0.0
    assert finding.scope_candles == 60
    assert "60 of 288 rows of the signal log carry prices that match no candle" in finding.summary
    assert "97 % of them on straight lines, 60 of them outside" in finding.summary
    assert "from 2026-03-02 08:20 UTC on" in finding.summary


def test_made_up_rows_whose_signals_agree_explain_no_difference() -> None:
    emitted = score(features(ROWS))
    emitted[200:280] = emitted[200:280][::-1]
    finding = _told(evidence_of(emitted, prices=_frozen()))
    assert (finding.verdict, finding.held_out_candles) == (Verdict.REFUTED, 60)
    assert finding.summary.endswith("but the signals of these candles agree.")


def test_made_up_rows_that_stand_in_no_pair_are_no_evidence() -> None:
    evidence = _garbled(_frozen())
    other = evidence.other.copy()
    other[DRAWN] = np.nan
    other[:50] = other[:50][::-1]
    stored = FeatureRows(OPENS, ("LONG", "SHORT"), other)
    finding = _told(replace(evidence, other=other, stored=stored, recompute=None))
    assert (finding.verdict, finding.held_out_candles) == (Verdict.REFUTED, 0)
    assert "none of these candles is paired" in finding.summary


def test_seven_differing_candles_of_made_up_rows_are_a_hint_at_most() -> None:
    emitted = score(features(ROWS))
    for count, verdict in ((7, Verdict.PARTIAL), (8, Verdict.PROVEN)):
        wrong = emitted.copy()
        wrong[DRAWN][:count] = 1 - wrong[DRAWN][:count]
        finding = _told(evidence_of(wrong, prices=_frozen()))
        assert finding.verdict is verdict
        assert finding.evidence["differing"] == count


def test_rows_at_the_closes_are_no_made_up_ones() -> None:
    finding = _told(evidence_of(score(features(ROWS), JUNE), prices=PRICES))
    assert finding.verdict is Verdict.REFUTED
    assert "each of the 288 reference prices equals the close of a candle" in finding.summary


def test_a_price_near_the_market_leaves_it_open() -> None:
    moved = PRICES.prices.copy()
    moved[::2] += np.where(np.arange(144) % 3 == 0, 5.0, -4.0)
    finding = _told(_garbled(replace(PRICES, prices=moved)))
    assert finding.verdict is Verdict.UNTESTABLE
    assert "match no candle's close, but lie" in finding.summary
    assert "add that venue's candles" in finding.summary


def test_prices_that_are_no_closes_at_all_leave_it_open() -> None:
    finding = _told(_garbled(replace(PRICES, prices=PRICES.prices + 0.5, steps=PRICES.steps / 10)))
    assert finding.verdict is Verdict.UNTESTABLE
    assert "the prices of this log are no closes of these candles" in finding.summary.lower()


def test_made_up_rows_need_prices_and_candles() -> None:
    assert "no reference price" in str(needed("unreal_rows", evidence_of()))
    bare = evidence_of(prices=PRICES, candles={})
    assert "no candles are stored" in str(needed("unreal_rows", bare))
    assert needed("unreal_rows", evidence_of(prices=PRICES)) is None
