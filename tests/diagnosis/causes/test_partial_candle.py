from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    HISTORY,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
    unfinished,
    without_recomputation,
)

ROWS = candles()
STORE = ROWS.replaced(unfinished(ROWS, ROWS.opens[HISTORY - 40 :: 11]))
KEPT = len(ROWS.opens[HISTORY - 40 :: 11])


def test_a_backtest_on_unfinished_rows_is_told_to_fetch_them_again() -> None:
    evidence = evidence_of(
        rows=STORE, vectors=features(ROWS), candles={"exchange": STORE, "again": ROWS}
    )
    finding = proven(evidence)["partial_candle"]
    assert finding.parameters == {"candles": "again", "rule": "finished"}
    assert f'"exchange" keeps {KEPT} candles as they stood before' in finding.summary
    assert "never store the newest row" in finding.summary


def test_a_bot_that_kept_unfinished_rows_is_told_with_its_store() -> None:
    evidence = evidence_of(vectors=features(STORE), candles={"exchange": ROWS, "bot": STORE})
    finding = proven(evidence)["partial_candle"]
    assert finding.parameters == {"candles": "bot", "rule": "kept_unfinished"}
    assert f'The bot\'s store ("bot") keeps {KEPT} candles' in finding.summary


def test_rows_that_were_revised_later_are_another_copy() -> None:
    kept = unfinished(ROWS, ROWS.opens[HISTORY - 40 :: 11])
    evidence = evidence_of(vectors=features(STORE), unfinished={"exchange (unfinished)": kept})
    assert needed("partial_candle", evidence) is None
    finding = proven(evidence)["partial_candle"]
    assert finding.parameters == {"candles": "exchange (unfinished)", "rule": "kept_unfinished"}


def test_a_second_copy_that_is_equal_explains_nothing() -> None:
    evidence = evidence_of(
        vectors=features(ROWS, lookback=97), candles={"exchange": ROWS, "again": ROWS}
    )
    assert proven(evidence).keys() == {"lookback"}


def test_one_copy_cannot_be_compared_with_another() -> None:
    assert beside("bundle")["partial_candle"].verdict is Verdict.UNTESTABLE
    assert "only one copy of the candles is known" in str(needed("partial_candle", evidence_of()))
    for words, evidence in without_recomputation().items():
        assert words in str(needed("partial_candle", evidence))
