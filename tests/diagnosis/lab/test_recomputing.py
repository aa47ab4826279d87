"""The diagnosis re-runs windows by the planner of the comparison that it explains."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from core.arrays import Flags
from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import CandleRows
from core.diagnosis.lab.recomputing import Recomputer
from core.diagnosis.lab.trial import Laboratory, base_world
from core.recompute.compute import Request, recompute_features
from core.recompute.pipeline import load_pipeline
from core.settings import GapPolicy, Mode
from core.times import Timeframe, from_us, index_from_us, us_from_index
from tests.diagnosis.cases import make_evidence

FIVE = Timeframe.parse("5m")
HOLE = 100


def _holed(gap_policy: GapPolicy) -> Evidence:
    """A day whose exchange lacks one candle, under a gap policy of its backtest."""
    evidence = make_evidence(days=1)
    assert evidence.source is not None and evidence.backtest is not None
    candles = evidence.candles[evidence.source].without(evidence.opens[HOLE : HOLE + 1])
    return replace(
        evidence,
        candles={**evidence.candles, evidence.source: candles},
        backtest=evidence.backtest.model_copy(update={"gap_policy": gap_policy}),
    )


def _covered(evidence: Evidence) -> Flags:
    """Candles that the comparison itself recomputes."""
    assert evidence.backtest is not None and evidence.source is not None
    request = Request(
        pipeline=load_pipeline("reference", ()),
        timeframe=evidence.timeframe,
        lookback_bars=evidence.backtest.lookback_bars or 0,
        gap_policy=evidence.backtest.gap_policy,
    )
    candles = evidence.candles[evidence.source].frame()
    now = from_us(int(evidence.opens[-1])) + timedelta(days=1)
    found = recompute_features(request, candles, index_from_us(evidence.opens), now=now)
    return np.isin(evidence.opens, us_from_index(pd.DatetimeIndex(found.features.index)))


@pytest.mark.parametrize(
    ("gap_policy", "count"), [(GapPolicy.REFUSE, HOLE), (GapPolicy.ALLOW, 287)]
)
def test_candles_that_the_gap_policy_excludes_are_not_re_run(
    gap_policy: GapPolicy, count: int
) -> None:
    evidence = _holed(gap_policy)
    again = Laboratory(evidence).probabilities((), np.arange(len(evidence.opens)))
    covered = _covered(evidence)
    assert covered.sum() == count
    assert (np.isfinite(again).all(axis=1) == covered).all()


def test_the_world_of_a_comparison_has_its_gap_policy() -> None:
    assert base_world(_holed(GapPolicy.ALLOW)).gap_policy is GapPolicy.ALLOW
    assert base_world(_holed(GapPolicy.REFUSE)).gap_policy is GapPolicy.REFUSE


def _candles(count: int) -> CandleRows:
    prices = 100 + np.sin(np.arange(count))
    values = np.column_stack([prices, prices + 1, prices - 1, prices, np.ones(count)])
    return CandleRows(np.arange(count, dtype="int64") * FIVE.length_us, values)


def test_a_window_is_never_shortened() -> None:
    candles = _candles(400)
    rows = Recomputer((), FIVE)(
        "reference", candles, candles.opens, 300, Mode.WINDOW, GapPolicy.REFUSE
    )
    assert (rows.opens == candles.opens[299:]).all()


def test_a_pipeline_that_cannot_be_loaded_gives_no_rows_and_is_not_called_again() -> None:
    from core.recompute.worker_pool import WorkerPool

    made = []

    def pool() -> WorkerPool:
        made.append(WorkerPool(1, time_limit_s=60))
        return made[-1]

    recompute, candles = Recomputer((), FIVE, pool), _candles(20)
    for _ in range(2):
        rows = recompute("nowhere:compute", candles, candles.opens, 5, Mode.WINDOW, GapPolicy.ALLOW)
        assert (len(rows.opens), rows.columns) == (0, ())
    recompute.close()
    assert len(made) == 1
    assert "nowhere:compute cannot be loaded" in recompute.failures["nowhere:compute"]
