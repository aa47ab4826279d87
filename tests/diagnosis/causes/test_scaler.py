from core.bundle.scaler import Scaler
from core.diagnosis.finding import Verdict
from core.market import SIDES
from tests.diagnosis.small_world import (
    JUNE,
    LONG,
    MAY,
    SHORT,
    beside,
    candles,
    evidence_of,
    features,
    make_bundle,
    needed,
    proven,
    score,
)

VECTORS = features(candles())


def _scored_behind(scaler: Scaler) -> dict[str, object]:
    emitted = score(VECTORS, make_bundle("mixed", (LONG, SHORT), scaler))
    (finding,) = proven(evidence_of(emitted)).values()
    assert finding.cause == "scaler"
    return {"scaler": finding.parameters["scaler"], "summary": finding.summary}


def test_unscaled_features_are_told_as_a_scaler_that_was_not_loaded() -> None:
    found = _scored_behind(Scaler())
    assert found["scaler"] == "none"
    assert "Load the bundle's scaler" in str(found["summary"])


def test_a_foreign_scaler_is_told_with_the_bundle_that_it_belongs_to() -> None:
    found = _scored_behind(JUNE.sides[SIDES[0]].scaler)
    assert found["scaler"] == "june"
    assert "Load model and scaler from the same bundle" in str(found["summary"])


def test_another_model_is_no_other_scaler() -> None:
    assert beside("bundle").keys() >= {"bundle"}
    assert beside("bundle").get("scaler") is None or (
        beside("bundle")["scaler"].verdict is not Verdict.PROVEN
    )
    assert beside("pipeline")["scaler"].verdict is Verdict.REFUTED


def test_a_scaler_needs_a_bundle() -> None:
    assert "list the models" in str(needed("scaler", evidence_of(bundles=())))
    assert needed("scaler", evidence_of(bundles=(MAY,))) is None
