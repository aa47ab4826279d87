from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    LOOKBACK,
    beside,
    candles,
    evidence_of,
    features,
    grown,
    needed,
    proven,
    without_recomputation,
)


def test_a_history_that_grew_from_a_start_is_told_with_its_beginning() -> None:
    finding = proven(evidence_of(vectors=grown(0)))["warm_up"]
    assert finding.parameters == {"history_from": ["2026-03-02 00:00 UTC"]}
    assert f"shorter than {LOOKBACK} candles: it began at 2026-03-02 00:00 UTC" in finding.summary
    assert "Load the whole history at start" in finding.summary


def test_a_second_start_is_told_beside_the_first() -> None:
    finding = proven(evidence_of(vectors=grown(0, 144)))["warm_up"]
    assert finding.parameters["history_from"][1:] == ["2026-03-02 12:00 UTC"]
    assert "and again at 2026-03-02 12:00 UTC" in finding.summary


def test_a_lookback_that_never_grew_is_no_warm_up() -> None:
    found = proven(evidence_of(vectors=features(candles(), lookback=30)))
    assert found.keys() == {"lookback"}
    assert beside("pipeline")["warm_up"].verdict is Verdict.UNTESTABLE


def test_a_history_cannot_be_grown_without_recomputing() -> None:
    for words, evidence in without_recomputation().items():
        assert words in str(needed("warm_up", evidence))
