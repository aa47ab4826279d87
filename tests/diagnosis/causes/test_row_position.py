from dataclasses import replace

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.finding import Verdict
from core.settings import Mode
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

WINDOW, FRAME = features(candles()), features(candles(), mode=Mode.FRAME)


def _backtest_in_frames() -> Evidence:
    """The bot reads the newest row; the backtest computes a day at once."""
    evidence = evidence_of()
    assert evidence.backtest is not None
    other = score(FRAME)
    return replace(
        evidence,
        backtest=evidence.backtest.model_copy(update={"mode": Mode.FRAME}),
        other=other,
        stored=FeatureRows(OPENS, ("LONG", "SHORT"), other),
    )


def test_a_backtest_that_sees_the_next_candle_is_set_to_windows() -> None:
    finding = proven(_backtest_in_frames())["row_position"]
    assert finding.parameters == {"mode": Mode.WINDOW}
    assert "features can see later candles" in finding.summary
    assert 'Set mode = "window"' in finding.summary


def test_a_bot_that_reads_the_middle_of_a_frame_is_told_so() -> None:
    finding = proven(evidence_of(vectors=FRAME))["row_position"]
    assert finding.parameters == {"mode": Mode.FRAME}
    assert "The bot's rows come from the middle of a frame" in finding.summary


def test_other_code_of_one_feature_is_no_position_in_a_frame() -> None:
    assert beside("pipeline")["row_position"].verdict is Verdict.REFUTED


def test_a_position_cannot_be_tried_without_recomputing() -> None:
    for words, evidence in without_recomputation().items():
        assert words in str(needed("row_position", evidence))
