import numpy as np

from core.diagnosis.evidence.evidence import Evidence
from core.diagnosis.finding import Finding, Verdict
from core.diagnosis.report import diagnose_evidence
from tests.diagnosis.small_world import (
    COUNT,
    candles,
    diagnosed,
    evidence_of,
    features,
    needed,
)

RULE = {
    "long_threshold": 0.5,
    "short_threshold": 0.5,
    "long_avg_return": 1.0,
    "short_avg_return": 1.0,
    "gate": 0.0,
}


def _evidence(mine: dict[str, float], other: dict[str, float]) -> Evidence:
    """Equal signals, decided by production's rule and by the backtest's."""

    def held(rule: dict[str, float]) -> dict[str, np.ndarray]:
        return {name: np.full(COUNT, value) for name, value in (RULE | rule).items()}

    return evidence_of(rules=(held(mine), held(other)))


def _told(mine: dict[str, float], other: dict[str, float]) -> Finding | None:
    return diagnosed(_evidence(mine, other)).get("threshold")


def test_equal_signals_that_are_decided_differently_name_the_constants() -> None:
    finding = _told({"long_threshold": 0.7}, {"long_threshold": 0.4})
    assert finding is not None and finding.verdict is Verdict.PROVEN
    assert finding.explained_ratio == 1.0
    assert finding.residual_mean_abs_diff == 0.0
    assert finding.evidence["rules"] == {"long_threshold": {"production": 0.7, "backtest": 0.4}}
    assert "long_threshold is 0.7 in production and 0.4 in the backtest" in finding.summary
    assert f"of the {finding.evidence['decisions_differing']} different" in finding.summary


def test_the_gate_decides_shorts_as_well() -> None:
    finding = _told({"gate": 0.7, "long_threshold": 2.0}, {"long_threshold": 2.0})
    assert finding is not None and finding.verdict is Verdict.PROVEN
    assert finding.evidence["rules"].keys() == {"gate"}


def test_where_no_signal_differs_rules_that_decide_alike_are_not_spoken_of() -> None:
    document = diagnose_evidence(_evidence({"long_threshold": 2.0}, {"long_threshold": 3.0}))
    assert all(finding.verdict is not Verdict.REFUTED for finding in document.findings)


def test_where_signals_differ_rules_that_decide_alike_are_refuted() -> None:
    rules = _evidence({"long_threshold": 2.0}, {"long_threshold": 3.0}).rules
    noisy = features(candles()) + 0.3 * (np.arange(COUNT) % 7 == 0)[:, None]
    differing = evidence_of(vectors=noisy, rules=rules)
    (finding,) = [f for f in diagnose_evidence(differing).findings if f.cause == "threshold"]
    assert finding.verdict is Verdict.REFUTED
    assert finding.summary.startswith("The rules differ (long_threshold), but no decision does")


def test_equal_rules_are_not_spoken_of() -> None:
    assert _told({}, {}) is None


def test_a_replay_has_no_rule_to_differ() -> None:
    assert "a replay has no rule" in str(needed("threshold", evidence_of(backtest=None)))
    assert needed("threshold", evidence_of()) is None
