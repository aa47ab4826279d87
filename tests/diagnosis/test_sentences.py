"""What a trader reads: a claim, the trial with its numbers, and what to do."""

from dataclasses import replace

import pytest

from core.diagnosis.cause import Saying
from core.diagnosis.finding import Finding, Verdict
from core.diagnosis.sentences import (
    candles,
    first_upper,
    overall_sentence,
    percent,
    refuted_sentence,
    summary_of,
)
from core.diagnosis.verdict import Judgement

SAYING = Saying(
    claim="the backtest saw 600 candles, the bot 900",
    trial="recomputing with 900",
    remedy="Set lookback_bars = 900.",
)
PROVEN = Judgement(
    verdict=Verdict.PROVEN,
    explained_ratio=1.0,
    residual_mean_abs_diff=0.0,
    held_out_candles=1440,
    differing=1200,
    repaired=1200,
    agreed=240,
    damaged=0,
    shortfall="",
)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0, "0 %"),
        (0.0004, "0 %"),
        (0.0006, "0.1 %"),
        (0.003, "0.3 %"),
        (0.0049, "0.5 %"),
        (0.006, "1 %"),
        (0.5, "50 %"),
        (0.994, "99 %"),
        (0.9951, "99.5 %"),
        (0.9993, "99.9 %"),
        (0.9996, "100 %"),
        (1.0, "100 %"),
        (-0.2, "-20 %"),
    ],
)
def test_nearly_all_is_not_called_all_and_hardly_anything_not_nothing(
    ratio: float, text: str
) -> None:
    assert percent(ratio) == text


def test_candles_are_counted_in_words() -> None:
    assert candles(1) == "1 held-out candle"
    assert candles(1440) == "1,440 held-out candles"
    assert first_upper("the log") == "The log"
    assert first_upper("") == ""


def test_a_proof_says_what_happened_what_undid_it_and_what_to_do() -> None:
    assert summary_of(SAYING, PROVEN) == (
        "The backtest saw 600 candles, the bot 900; recomputing with 900 removes all of the "
        "difference on 1,440 held-out candles. Set lookback_bars = 900."
    )


@pytest.mark.parametrize(("ratio", "share"), [(0.9995, "all"), (0.9994, "99.9 %"), (0.96, "96 %")])
def test_a_proof_removes_all_only_where_it_does(ratio: float, share: str) -> None:
    told = summary_of(SAYING, replace(PROVEN, explained_ratio=ratio))
    assert f"removes {share} of the difference" in told


def test_equals_are_named_before_the_remedy() -> None:
    told = summary_of(SAYING, PROVEN, ("warm_up", "lookback"))
    assert told.endswith(
        "held-out candles. These inputs cannot tell it from warm_up or lookback. "
        "Set lookback_bars = 900."
    )


def test_a_partial_explanation_says_why_and_gives_its_advice_with_a_condition() -> None:
    half = replace(PROVEN, verdict=Verdict.PARTIAL, explained_ratio=0.5)
    assert summary_of(SAYING, half) == (
        "Partly supported: the backtest saw 600 candles, the bot 900; recomputing with 900 removes "
        "50 % of the difference on 1,440 held-out candles, but the rest has another cause. "
        "If you can confirm it: Set lookback_bars = 900."
    )
    none_equal = summary_of(SAYING, replace(half, repaired=0))
    assert "but no candle became equal, so it is a hint at most." in none_equal
    short = summary_of(SAYING, replace(half, explained_ratio=1.0, shortfall="only 5 of 9"))
    assert "removes 100 % of the difference on 1,440 held-out candles, but only 5 of 9." in short


def test_a_trial_that_nothing_can_be_compared_with_claims_no_number() -> None:
    unknown = replace(PROVEN, verdict=Verdict.REFUTED, explained_ratio=None, held_out_candles=0)
    assert "recomputing with 900 leaves nothing to compare." in summary_of(SAYING, unknown)


@pytest.mark.parametrize(
    ("ratio", "share"), [(0.04, "only 4 %"), (0.0, "nothing"), (-0.3, "nothing"), (None, "nothing")]
)
def test_a_refutation_names_the_best_trial(ratio: float | None, share: str) -> None:
    assert refuted_sentence("another lookback", "recomputing with 900", ratio, 10) == (
        "Not the cause: another lookback; recomputing with 900, the best of what was tried, "
        f"removes {share} of the difference on 10 held-out candles."
    )


def test_a_refutation_without_a_trial_says_so() -> None:
    assert refuted_sentence("another lookback", None, None, 0) == (
        "Not the cause: another lookback; nothing that was tried makes the difference smaller."
    )


def _finding(cause: str, verdict: Verdict = Verdict.PROVEN) -> Finding:
    return Finding(cause=cause, verdict=verdict, summary="")


def test_the_proven_causes_are_named_once_each_with_what_they_leave() -> None:
    proven = [_finding("lookback"), _finding("bundle"), _finding("lookback")]
    assert overall_sentence(proven, 0.2, 90, differs=True) == (
        "Proven: lookback, bundle. 20 % of the difference is unexplained."
    )
    assert overall_sentence(proven, None, 90, differs=True) == "Proven: lookback, bundle."


@pytest.mark.parametrize(("rest", "is_told"), [(0.0049, False), (0.005, True)])
def test_half_a_percent_is_the_least_rest_that_is_told(rest: float, is_told: bool) -> None:
    told = overall_sentence([_finding("lookback")], rest, 90, differs=True)
    assert ("unexplained" in told) is is_told


def test_what_is_not_proven_is_no_cause() -> None:
    partial = [_finding("lookback", Verdict.PARTIAL)]
    assert overall_sentence(partial, 0.8, 90, differs=True, carriers=("rsi_14", "ema_20")) == (
        "Nothing proven; partly explained by lookback. 80 % of the difference is unexplained. "
        "It is carried by rsi_14, ema_20."
    )
    assert overall_sentence([], None, 90, differs=True) == (
        "No cause found: the difference is unexplained."
    )


def test_agreement_and_an_empty_window_are_told_apart() -> None:
    assert overall_sentence([], 0.0, 90, differs=False).startswith("Signals agree;")
    assert overall_sentence([], None, 0, differs=False).startswith("There is nothing to compare")


def test_a_proof_is_told_though_nothing_can_be_compared_or_nothing_differs() -> None:
    proven = [_finding("candle_offset")]
    assert overall_sentence(proven, None, 0, differs=False) == "Proven: candle_offset."
    assert overall_sentence(proven, 0.0, 90, differs=False) == "Proven: candle_offset."
