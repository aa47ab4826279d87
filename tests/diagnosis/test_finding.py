from core.diagnosis.finding import VERDICT_ORDER, Finding, Verdict, untestable
from core.market import Side


def test_findings_stand_from_proven_to_untestable() -> None:
    assert VERDICT_ORDER == (
        Verdict.PROVEN,
        Verdict.PARTIAL,
        Verdict.REFUTED,
        Verdict.UNTESTABLE,
    )


def test_a_finding_as_json_has_plain_lists_and_texts() -> None:
    finding = Finding(
        cause="lookback",
        verdict=Verdict.PROVEN,
        summary="The backtest saw 600 candles.",
        sides=(Side.LONG,),
        explained_ratio=0.97,
        residual_mean_abs_diff=0.001,
        held_out_candles=144,
        scope_candles=288,
        parameters={"lookback_bars": 900},
        same_as=("warm_up",),
        evidence={"differing": 12},
    )
    assert finding.document() == {
        "cause": "lookback",
        "verdict": "proven",
        "sides": ["LONG"],
        "explained_ratio": 0.97,
        "residual_mean_abs_diff": 0.001,
        "held_out_candles": 144,
        "scope_candles": 288,
        "parameters": {"lookback_bars": 900},
        "same_as": ["warm_up"],
        "evidence": {"differing": 12},
        "summary": "The backtest saw 600 candles.",
    }
    assert type(finding.document()["verdict"]) is str


def test_a_document_can_be_changed_without_changing_the_finding() -> None:
    finding = Finding(cause="lookback", verdict=Verdict.PARTIAL, summary="", parameters={"a": 1})
    finding.document()["parameters"]["a"] = 2
    assert finding.parameters == {"a": 1}


def test_what_cannot_be_tested_says_what_would_settle_it_and_claims_no_number() -> None:
    finding = untestable("lookback", "Add candles.")
    assert finding.verdict is Verdict.UNTESTABLE
    assert finding.summary == "Add candles."
    assert finding.evidence == {"needs": "Add candles."}
    assert (finding.explained_ratio, finding.held_out_candles, finding.sides) == (None, 0, ())
