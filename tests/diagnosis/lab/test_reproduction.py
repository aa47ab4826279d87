"""The stored backtest is a base for trials only where re-running gives the same."""

import time
from dataclasses import replace

import numpy as np

from core.arrays import Ints
from core.diagnosis.cause import needs_recomputation
from core.diagnosis.evidence.evidence import Evidence, Recompute
from core.diagnosis.evidence.rows import CandleRows, FeatureRows
from core.diagnosis.lab.reproduction import with_stored_features
from tests.diagnosis.cases import make_evidence


def _pipeline(factor: float = 1.0, pause_s: float = 0.0) -> Recompute:
    def recompute(
        pipeline: str,
        candles: CandleRows,
        ends: Ints,
        lookback_bars: int,
        mode: str,
        gap_policy: str,
    ) -> FeatureRows:
        time.sleep(pause_s)
        values = candles.at(ends)[0][:, 3:4]
        return FeatureRows(ends, ("close_again",), values * factor)

    return recompute


def _evidence(recompute: object) -> tuple[Evidence, FeatureRows]:
    evidence = replace(make_evidence(days=1), recompute=recompute, pipelines=("own:compute",))
    closes = evidence.candles["exchange"].at(evidence.opens)[0][:, 3:4]
    return evidence, FeatureRows(evidence.opens, ("close_again",), closes)


def test_rows_that_re_running_gives_again_are_the_base() -> None:
    evidence = with_stored_features(*_evidence(_pipeline()))
    assert evidence.recomputed is not None
    assert evidence.problems == ()


def test_rows_of_changed_code_are_no_base_and_that_is_said() -> None:
    evidence = with_stored_features(*_evidence(_pipeline(factor=1.0001)))
    assert evidence.recomputed is None
    assert "does not give the stored features" in evidence.problems[0]


def test_code_that_is_too_slow_for_trials_is_untestable_with_the_seconds() -> None:
    evidence = with_stored_features(*_evidence(_pipeline(pause_s=1.3)))
    assert evidence.recompute is None
    assert not evidence.can_recompute
    needs = needs_recomputation(evidence)
    assert needs is not None and "takes 1 s a candle" in needs


def test_an_empty_window_stays_as_it_is() -> None:
    evidence, stored = _evidence(_pipeline())
    nothing = FeatureRows(stored.opens[:0], stored.columns, np.empty((0, 1)))
    assert with_stored_features(evidence, nothing) is evidence
