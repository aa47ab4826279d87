"""An imported backtest whose own labels are wrong, while production's are right."""

from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Evidence, Kind, PriceRows
from core.diagnosis.evidence.rows import CLOSE, FeatureRows
from core.diagnosis.finding import Verdict
from core.diagnosis.report import diagnose_evidence
from tests.diagnosis.cases import make_evidence


def _imported(shift: int, *, with_prices: bool) -> Evidence:
    """Labels of the import are `shift` bars after the candle that they speak of."""
    evidence = make_evidence(days=2)
    step = evidence.timeframe.length_us
    stored = FeatureRows(evidence.opens + shift * step, ("LONG", "SHORT"), evidence.production)
    closes = evidence.candles["exchange"].at(evidence.opens)[0][:, CLOSE]
    prices = PriceRows(
        log="research", opens=stored.opens, prices=closes, steps=np.full(len(closes), np.nan)
    )
    return replace(
        evidence,
        kind=Kind.IMPORTED,
        comparison="research",
        recompute=None,
        stored=stored,
        other=stored.at(evidence.opens)[0],
        other_prices=prices if with_prices else None,
    )


@pytest.mark.parametrize("with_prices", [True, False])
def test_the_import_s_labels_are_named_with_the_bars_that_lead_back(with_prices: bool) -> None:
    found = diagnose_evidence(_imported(108, with_prices=with_prices))
    first = found.findings[0]
    assert (first.cause, first.verdict) == ("label_clock", Verdict.PROVEN)
    assert first.parameters["shift_bars"] == -108
    assert first.explained_ratio == 1.0
    assert "imported backtest labels its rows" in first.summary


def test_signals_that_agree_need_no_shift() -> None:
    assert diagnose_evidence(_imported(0, with_prices=True)).findings == ()
