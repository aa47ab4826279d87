from dataclasses import replace

import pytest

from core.diagnosis.causes.lookback import CAUSE
from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    LOOKBACK,
    Recorder,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
    search_of,
    without_recomputation,
)


@pytest.mark.parametrize("bars", [20, 59, 61, 97, 431])
def test_the_candles_that_the_bot_saw_are_counted_to_the_last_one(bars: int) -> None:
    found = proven(evidence_of(vectors=features(candles(), lookback=bars)))
    assert {cause: f.parameters for cause, f in found.items()} == {
        "lookback": {"lookback_bars": bars}
    }
    assert f"The backtest saw {LOOKBACK} candles, the bot {bars}" in found["lookback"].summary
    assert f"Set lookback_bars = {bars}." in found["lookback"].summary


@pytest.mark.parametrize("other", ["bundle", "pipeline"])
def test_another_model_or_other_code_is_no_other_lookback(other: str) -> None:
    assert beside(other)["lookback"].verdict is Verdict.REFUTED


def test_each_lookback_is_tried_on_six_candles() -> None:
    recorder = Recorder()
    search = search_of(evidence_of(vectors=features(candles(), lookback=97), recompute=recorder))
    search.differences((), search.places)
    recorder.ends.clear()
    assert list(CAUSE.propose(search))
    assert {len(ends) for ends in recorder.ends} == {6}


@pytest.mark.parametrize("words", without_recomputation())
def test_why_nothing_can_be_recomputed_is_said(words: str) -> None:
    assert words in str(needed("lookback", without_recomputation()[words]))


def test_what_can_be_recomputed_can_be_tested() -> None:
    assert needed("lookback", replace(evidence_of(), logged=None)) is None
