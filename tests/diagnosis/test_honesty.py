"""A false "proven" is the worst thing this program can print."""

from dataclasses import replace

import numpy as np
import pytest

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.evidence.split import split_difference
from core.diagnosis.examination.examine import examine
from core.diagnosis.finding import Verdict
from core.diagnosis.lab.recomputing import Recomputer
from core.diagnosis.report import Diagnosis, diagnose_evidence
from tests.diagnosis.cases import make_evidence

pytestmark = pytest.mark.slow


def _with_production(evidence: Evidence, production: np.ndarray) -> Evidence:
    return replace(evidence, production=production, emitted=production)


def _diagnosed(evidence: Evidence) -> Diagnosis:
    found = diagnose_evidence(evidence)
    assert isinstance(evidence.recompute, Recomputer)
    evidence.recompute.close()
    return found


def _proven(found: Diagnosis) -> list[str]:
    return [f.cause for f in found.findings if f.verdict is Verdict.PROVEN]


@pytest.mark.parametrize("spread", [0.001, 0.05])
def test_noise_is_given_no_name(spread: float) -> None:
    evidence = make_evidence(days=2)
    noise = np.random.default_rng(3).normal(0, spread, evidence.production.shape)
    noisy = np.clip(evidence.production + noise, 0.0, 1.0)
    found = _diagnosed(_with_production(evidence, noisy))
    assert _proven(found) == []
    assert found.unexplained_ratio == pytest.approx(1.0, abs=0.1)
    assert found.summary.startswith("No cause found: ")


def test_a_model_that_nobody_has_is_given_no_name() -> None:
    evidence = make_evidence("bundle", days=2)
    known = tuple(b for b in evidence.bundles if b.name in ("momentum", "momentum_v1"))
    stranger = replace(evidence, bundles=known)
    if "reversal" in str(_diagnosed(evidence).findings[0].parameters):
        assert _proven(_diagnosed(stranger)) == []


def test_a_mix_of_two_models_that_drifts_is_given_no_name() -> None:
    one, other = make_evidence(days=2), make_evidence("bundle", days=2)
    share = np.linspace(0.2, 0.8, len(one.production))[:, None]
    mixed = share * one.production + (1 - share) * other.production
    assert _proven(_diagnosed(_with_production(one, mixed))) == []


def test_another_lookback_that_changes_nothing_is_not_claimed() -> None:
    evidence = make_evidence("lookback", days=2)
    equal = replace(evidence, production=evidence.other, emitted=evidence.other)
    assert _proven(_diagnosed(equal)) == []


def test_the_split_adds_up() -> None:
    split = split_difference(make_evidence("lookback", "bundle", days=2))
    assert split is not None
    parts = split.model_path + split.feature_path
    assert np.nanmax(np.abs(split.whole - parts)) <= 1e-9


def test_trials_do_not_read_logged_features_of_held_out_candles() -> None:
    """Whatever stands in the log of held-out candles, search finds the same changes."""
    evidence = make_evidence("lookback", days=2)
    logged = evidence.logged
    assert logged is not None
    plain = examine(evidence)
    held_out = evidence.opens[plain.search.blocks.is_held_out]
    matrix = logged.matrix.copy()
    matrix[np.isin(logged.opens, held_out)] = 123.456
    garbled = examine(replace(evidence, logged=replace(logged, matrix=matrix)))
    assert garbled.accepted == plain.accepted


def test_less_than_six_blocks_never_prove() -> None:
    evidence = make_evidence("lookback", days=2)
    few = slice(0, 60)
    short = replace(
        evidence,
        opens=evidence.opens[few],
        production=evidence.production[few],
        production_step=evidence.production_step[few],
        emitted=evidence.emitted[few],
        replay=evidence.replay[few],
        other=evidence.other[few],
        other_step=evidence.other_step[few],
        live=None if evidence.live is None else evidence.live[few],
        prices=None,
    )
    found = _diagnosed(short)
    assert _proven(found) == []
    partial = [f for f in found.findings if f.verdict is Verdict.PARTIAL]
    assert partial and "too few candles" in partial[0].summary
