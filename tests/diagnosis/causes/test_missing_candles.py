from dataclasses import replace

import numpy as np

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import CLOSE, VOLUME, CandleRows
from core.diagnosis.finding import Verdict
from core.settings import GapPolicy
from tests.diagnosis.small_world import (
    OPENS,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
    score,
    without_recomputation,
)

ROWS = candles()
HOLES = np.concatenate([OPENS[50:55], OPENS[170:172]])
LACKING = ROWS.without(HOLES)


def _bot_on(rows: CandleRows) -> Evidence:
    """The bot's log lacks seven candles; it computed on these instead."""
    vectors = features(rows)
    vectors[np.isin(OPENS, HOLES)] = np.nan
    emitted = score(vectors)
    emitted[np.isin(OPENS, HOLES)] = np.nan
    seen = LACKING.without(LACKING.opens[LACKING.opens < OPENS[0]])
    return evidence_of(emitted, vectors=vectors, candles={"exchange": ROWS, "feature_log": seen})


def test_a_window_that_closed_over_holes_is_told_with_their_number() -> None:
    finding = proven(_bot_on(LACKING))["missing_candles"]
    assert finding.parameters == {"candles": "feature_log", "rule": "drop"}
    assert "7 candles that the feature log lacks never reached the bot" in finding.summary
    assert "its window closed over the holes" in finding.summary


def test_holes_that_were_filled_flat_are_told_apart() -> None:
    values = ROWS.values.copy()
    for place in np.flatnonzero(np.isin(ROWS.opens, HOLES)):
        values[place] = values[place - 1, CLOSE]
        values[place, VOLUME] = 0.0
    finding = proven(_bot_on(CandleRows(ROWS.opens, values)))["missing_candles"]
    assert finding.parameters["rule"] == "fill"
    assert "it filled the holes flat" in finding.summary


def test_candles_that_the_backtest_lacks_are_added() -> None:
    evidence = evidence_of(
        vectors=features(ROWS), rows=LACKING, candles={"exchange": LACKING, "venue": ROWS}
    )
    assert evidence.backtest is not None
    backtest = evidence.backtest.model_copy(update={"gap_policy": GapPolicy.ALLOW})
    finding = proven(replace(evidence, backtest=backtest))["missing_candles"]
    assert finding.parameters == {"candles": "venue", "rule": "added"}
    assert 'Fetch the missing candles of "exchange" again.' in finding.summary


def test_candles_that_nobody_lacks_explain_nothing() -> None:
    assert beside("pipeline")["missing_candles"].verdict is Verdict.UNTESTABLE
    for words, evidence in without_recomputation().items():
        assert words in str(needed("missing_candles", evidence))


def test_the_holes_of_a_log_are_no_cause_where_the_bot_had_the_candles() -> None:
    """The log lacks rows, but every window was whole: the model is another one."""
    evidence = _bot_on(ROWS)
    other = evidence.production[:, ::-1]
    swapped = replace(evidence, production=other, emitted=other)
    assert proven(swapped).keys() == {"sides_swapped"}
