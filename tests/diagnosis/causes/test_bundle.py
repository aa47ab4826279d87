from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Kind
from core.diagnosis.evidence.rows import FeatureRows
from core.diagnosis.finding import Verdict
from tests.diagnosis.small_world import (
    COUNT,
    FEATURES,
    JUNE,
    MAY,
    OPENS,
    beside,
    candles,
    evidence_of,
    features,
    needed,
    proven,
    score,
)

VECTORS = features(candles())
BY_MAY, BY_JUNE = score(VECTORS, MAY), score(VECTORS, JUNE)


def test_the_bundle_that_was_live_is_named_with_the_deployment_to_correct() -> None:
    (finding,) = proven(evidence_of(BY_JUNE)).values()
    assert (finding.cause, finding.parameters) == ("bundle", {"bundle": "june"})
    assert finding.sides == ("LONG", "SHORT")
    assert finding.explained_ratio == 1.0
    assert finding.summary.startswith("Production scored with june, not with the configured")
    assert "Correct [[bots.deployments]] to june" in finding.summary


@pytest.mark.parametrize("side", [0, 1])
def test_of_one_side_only_its_model_is_spoken_of(side: int) -> None:
    emitted = BY_MAY.copy()
    emitted[:, side] = BY_JUNE[:, side]
    name = ("LONG", "SHORT")[side]
    finding = proven(evidence_of(emitted))["bundle"]
    assert finding.sides == (name,)
    assert f"Load the {name} model that you meant" in finding.summary


def test_a_bundle_that_was_live_from_noon_on_is_named_for_the_afternoon() -> None:
    noon = COUNT // 2
    emitted = np.concatenate([BY_MAY[:noon], BY_JUNE[noon:]])
    finding = proven(evidence_of(emitted))["bundle"]
    (span,) = finding.evidence["scope"]
    assert span == {"from": "2026-03-02T12:00:00Z", "last": "2026-03-02T23:55:00Z"}
    assert finding.scope_candles == COUNT - noon


def test_a_twin_of_the_live_bundle_is_named_beside_it() -> None:
    twin = replace(JUNE, name="june_copy")
    finding = proven(evidence_of(BY_JUNE, bundles=(MAY, JUNE, twin)))["bundle"]
    assert "june (identical to june_copy)" in finding.summary


def test_an_imported_backtest_is_scored_again_not_the_deployment_blamed_alone() -> None:
    imported = FeatureRows(OPENS, FEATURES, VECTORS)
    evidence = evidence_of(BY_JUNE, kind=Kind.IMPORTED, imported=imported, logged=None)
    finding = proven(evidence)["bundle"]
    assert "Score the backtest with june" in finding.summary


def test_the_same_bundle_is_not_the_cause_of_other_features() -> None:
    assert beside("pipeline")["bundle"].verdict is Verdict.REFUTED


def test_one_bundle_alone_cannot_be_another() -> None:
    assert "only one bundle is known" in str(needed("bundle", evidence_of(bundles=(MAY,))))
    assert "list the models" in str(needed("bundle", evidence_of(bundles=())))
    assert needed("bundle", evidence_of()) is None


def test_without_features_nothing_can_be_scored_again() -> None:
    unlogged = replace(evidence_of(kind=Kind.REPLAY), logged=None)
    assert "no features are logged" in str(needed("bundle", unlogged))
    assert "without its features" in str(needed("bundle", evidence_of(kind=Kind.IMPORTED)))
