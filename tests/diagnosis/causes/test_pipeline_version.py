from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import beside, evidence_of, needed, without_recomputation


def test_the_version_that_the_bot_runs_is_named_beside_the_backtests() -> None:
    finding = beside("pipeline")["pipeline_version"]
    assert finding.verdict is Verdict.PROVEN
    assert finding.parameters == {"pipeline": "own:older"}
    assert "with own:older, the backtest with own:compute" in finding.summary
    assert "Run the same feature code on both sides" in finding.summary


def test_another_model_is_no_other_code() -> None:
    assert beside("bundle")["pipeline_version"].verdict is Verdict.REFUTED


def test_one_version_alone_cannot_be_another() -> None:
    alone = evidence_of(pipelines=("own:compute",))
    assert "only one version of the feature code" in str(needed("pipeline_version", alone))
    assert needed("pipeline_version", evidence_of()) is None
    for words, evidence in without_recomputation().items():
        assert words in str(needed("pipeline_version", evidence))
