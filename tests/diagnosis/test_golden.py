"""One installation a cause: what the diagnosis says about it (make golden rewrites)."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.diagnosis.finding import Verdict
from core.diagnosis.lab.recomputing import Recomputer
from core.diagnosis.report import Diagnosis, diagnose_evidence
from demo.faults import FAULTS
from tests.diagnosis.cases import make_evidence

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).with_name("golden.json")


OWN_CODE = {"row_position", "pipeline_version", "nan_policy"}  # slower: one day is enough


def _diagnosed(*faults: str, size: int = 1) -> Diagnosis:
    evidence = make_evidence(*faults, size=size, days=1 if OWN_CODE & set(faults) else 2)
    try:
        return diagnose_evidence(evidence)
    finally:
        assert isinstance(evidence.recompute, Recomputer)
        evidence.recompute.close()


def _essence(found: Diagnosis) -> dict[str, Any]:
    """What must not change unseen: causes, verdicts, parameters, sentences."""
    told = [f for f in found.findings if f.verdict in (Verdict.PROVEN, Verdict.PARTIAL)]
    return {
        "summary": found.summary,
        "findings": [
            {
                "cause": finding.cause,
                "verdict": str(finding.verdict),
                "parameters": finding.parameters,
                "same_as": list(finding.same_as),
                "summary": finding.summary,
            }
            for finding in told
        ],
    }


@pytest.mark.parametrize("cause", FAULTS)
def test_a_cause_is_told_as_before(cause: str) -> None:
    found = _essence(_diagnosed(cause))
    known = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    if os.environ.get("ALIGN_GOLDEN") == "write":
        known[cause] = found
        GOLDEN.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert found == known[cause]
    first = found["findings"][0]
    assert (first["cause"], first["verdict"]) == (cause, "proven")


def test_a_clean_bot_has_no_finding() -> None:
    found = _diagnosed()
    assert found.findings == ()
    assert found.unexplained_ratio == 0.0
    assert found.summary == (
        "Signals agree; if results differ, look at rules, fills, or the market."
    )


def test_two_faults_are_both_proven_and_nothing_is_left() -> None:
    found = _diagnosed("lookback", "bundle")
    proven = {f.cause for f in found.findings if f.verdict is Verdict.PROVEN}
    assert proven == {"lookback", "bundle"}
    assert found.unexplained_ratio == 0.0


def test_what_was_tried_in_vain_is_refuted_with_its_number() -> None:
    found = _diagnosed("bundle")
    refuted = {f.cause: f for f in found.findings if f.verdict is Verdict.REFUTED}
    assert {"scaler", "sides_swapped", "lookback"} <= set(refuted)
    for finding in refuted.values():
        assert finding.explained_ratio is not None
        assert finding.explained_ratio < 0.05
        assert finding.summary.startswith("Not the cause: ")


def test_the_document_has_the_contract_s_keys_and_is_json() -> None:
    document = _diagnosed("lookback").document()
    assert list(document)[:7] == [
        "bot",
        "comparison",
        "from",
        "until",
        "initial",
        "findings",
        "unexplained_ratio",
    ]
    assert list(document["findings"][0]) == [
        "cause",
        "verdict",
        "sides",
        "explained_ratio",
        "residual_mean_abs_diff",
        "held_out_candles",
        "scope_candles",
        "parameters",
        "same_as",
        "evidence",
        "summary",
    ]
    assert json.loads(json.dumps(document, allow_nan=False)) == document
