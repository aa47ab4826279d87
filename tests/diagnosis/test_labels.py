"""Whose label a candle has, and which prices no market had."""

from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import PriceRows
from core.diagnosis.finding import Verdict
from core.diagnosis.report import diagnose_evidence
from core.diagnosis.search.soundness import check_soundness
from tests.diagnosis.cases import make_evidence

pytestmark = pytest.mark.slow


def test_a_shift_moves_the_signal_logs_labels_and_no_replays() -> None:
    evidence = make_evidence(days=1)
    emitted = evidence.emitted.copy()
    emitted[:5] = np.nan  # production is the replay there, labelled by the feature log
    mixed = replace(evidence, emitted=emitted)
    places = np.array([3, 4, 5, 6])
    assert mixed.label_shift(places, -108).tolist() == [0, 0, -108, -108]
    nothing = replace(evidence, emitted=np.full_like(emitted, np.nan))
    assert nothing.label_shift(places, 1).tolist() == [1, 1, 1, 1]


def test_a_price_that_another_source_has_is_not_unreal() -> None:
    """The store kept open candles: it is they that are wrong, not the bot's prices."""
    evidence = make_evidence("partial_candle", size=0, seed=2, days=2)
    sound = check_soundness(evidence)
    assert sound.source == "store"
    assert not sound.unreal.any()
    alone = {"store": evidence.candles["store"]}
    assert check_soundness(replace(evidence, candles=alone)).unreal.any()


def test_a_price_that_no_source_has_is_unreal() -> None:
    evidence = make_evidence("partial_candle", size=0, seed=2, days=2)
    rows = evidence.prices
    assert rows is not None
    prices = rows.prices.copy()
    prices[40:60] *= 1.05
    drawn = PriceRows(log=rows.log, opens=rows.opens, prices=prices, steps=rows.steps)
    sound = check_soundness(replace(evidence, prices=drawn))
    assert np.flatnonzero(sound.unreal).tolist() == list(range(40, 60))
    assert sound.unreal_is_proven


def test_prices_of_a_ticker_leave_the_labels_open_although_the_signals_agree() -> None:
    evidence = make_evidence(days=1)
    rows = evidence.prices
    assert rows is not None
    away = replace(rows, prices=rows.prices * 1.0004 + 0.37)
    diagnosis = diagnose_evidence(replace(evidence, prices=away))
    assert {finding.cause: finding.verdict for finding in diagnosis.findings} == {
        "label_clock": Verdict.UNTESTABLE,
        "candle_offset": Verdict.UNTESTABLE,
        "unreal_rows": Verdict.UNTESTABLE,
    }
    assert all("log the candle's close" in finding.summary for finding in diagnosis.findings)
    assert diagnosis.summary.startswith("Signals agree")


def test_where_no_signal_differs_nothing_is_proven_of_its_rows() -> None:
    evidence = make_evidence(days=1)
    rows = evidence.prices
    assert rows is not None
    prices = rows.prices.copy()
    prices[40:60] *= 1.05
    drawn = replace(rows, prices=prices)
    diagnosis = diagnose_evidence(replace(evidence, prices=drawn))
    assert diagnosis.findings == ()
    assert diagnosis.summary.startswith("Signals agree")
