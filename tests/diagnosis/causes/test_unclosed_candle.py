from dataclasses import replace

import numpy as np
import pytest

from core.arrays import Floats
from core.diagnosis.causes.unclosed_candle import CAUSE, early_seconds
from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    OPENS,
    STEP,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
    search_of,
    unfinished,
    without_recomputation,
)

ROWS = candles()
EARLY = unfinished(ROWS, OPENS)
BOTH = {"exchange": ROWS, "feature_log": EARLY}


def _computed_early() -> Floats:
    """Each window ends with the newest candle as it stood then; those before it are final."""
    return np.concatenate(
        [
            features(ROWS.replaced(unfinished(ROWS, OPENS[[n]])), OPENS[[n]])
            for n in range(len(OPENS))
        ]
    )


def test_a_bot_that_did_not_wait_for_the_close_is_told_how_early_it_was() -> None:
    evidence = evidence_of(
        vectors=_computed_early(), candles=BOTH, logged_at=OPENS + STEP - 20_000_000
    )
    finding = proven(evidence)["unclosed_candle"]
    assert finding.parameters == {"candles": "feature_log"}
    assert "before the candle had closed (rows are written 20 s before" in finding.summary
    assert "Let the bot wait for the close" in finding.summary


def test_without_times_the_seconds_are_not_told() -> None:
    assert early_seconds(evidence_of()) == -1.0
    assert early_seconds(evidence_of(logged_at=np.zeros_like(OPENS))) == -1.0
    assert early_seconds(evidence_of(logged_at=OPENS + STEP + 2_000_000)) == -2.0


@pytest.mark.parametrize(("early", "is_tried"), [(72, False), (73, True)])
def test_most_of_the_newest_candles_have_to_look_unfinished(early: int, is_tried: bool) -> None:
    """72 of the 144 probes are half: a few candles that the exchange revised are no habit."""
    search = search_of(evidence_of(vectors=_computed_early()))
    some = ROWS.replaced(unfinished(ROWS, OPENS[search.probes[:early]]))
    evidence = replace(search.evidence, candles={"exchange": ROWS, "bot": some})
    assert bool(list(CAUSE.propose(search_of(evidence)))) == is_tried


def test_finished_rows_beside_another_lookback_are_not_called_open() -> None:
    final = {"exchange": ROWS, "feature_log": ROWS}
    found = proven(evidence_of(vectors=features(ROWS, lookback=97), candles=final))
    assert found.keys() == {"lookback"}


def test_the_newest_candle_as_the_bot_saw_it_has_to_be_logged() -> None:
    assert beside("bundle")["unclosed_candle"].verdict is Verdict.UNTESTABLE
    needs = str(needed("unclosed_candle", evidence_of()))
    assert "log open, high, low, close and volume with the features" in needs
    for words, evidence in without_recomputation().items():
        assert words in str(needed("unclosed_candle", evidence))
