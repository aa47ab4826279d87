"""One evidence → the diagnosis that is printed and kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from core.alignment.metrics import figure
from core.alignment.pairs import is_aligned, replay_tolerance
from core.arrays import Floats
from core.diagnosis.attribution import attribute
from core.diagnosis.causes.catalogue import BY_CODE
from core.diagnosis.drift import drift_of
from core.diagnosis.evidence.evidence import Evidence, Kind
from core.diagnosis.evidence.notes import notes_of
from core.diagnosis.evidence.split import split_difference
from core.diagnosis.examination.assemble import (
    drop_refuted,
    findings_of,
    unexplained_ratio,
    waterfall,
)
from core.diagnosis.examination.examine import examine
from core.diagnosis.examination.identity import identify_bundles
from core.diagnosis.finding import Finding
from core.diagnosis.search.examination import Examination
from core.diagnosis.sentences import overall_sentence
from core.times import from_us, iso_z

_INITIAL = ("mean_abs_diff", "share_above_tolerance")
_SHOWN_CARRIERS = 8  # named in the sentence; the document has them all


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One comparison in one window, diagnosed. Ratios and means are None where not computable."""

    bot: str
    comparison: str
    from_: datetime | None
    until: datetime | None
    initial: dict[str, Any]
    findings: tuple[Finding, ...]
    unexplained_ratio: float | None
    summary: str
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)  # split, waterfall, attribution, …
    trials: tuple[dict[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        """The JSON document of `diagnose --json`."""
        return {
            "bot": self.bot,
            "comparison": self.comparison,
            "from": None if self.from_ is None else iso_z(self.from_),
            "until": None if self.until is None else iso_z(self.until),
            "initial": self.initial,
            "findings": [finding.document() for finding in self.findings],
            "unexplained_ratio": self.unexplained_ratio,
            "summary": self.summary,
            "notes": list(self.notes),
            **self.details,
        }


def diagnose_evidence(evidence: Evidence, made_at: datetime | None = None) -> Diagnosis:
    """The diagnosis of loaded evidence."""
    examination = examine(evidence)
    drop_refuted(examination)
    findings = findings_of(examination, evidence)
    ratio = unexplained_ratio(examination, evidence)
    initial = initial_figures(evidence)
    details = _details(examination, evidence)
    first, last = _span(evidence)
    return Diagnosis(
        bot=evidence.bot.name,
        comparison=evidence.comparison,
        from_=first,
        until=last,
        initial=initial,
        findings=findings,
        unexplained_ratio=ratio,
        summary=overall_sentence(
            findings,
            ratio,
            initial["candles"],
            differs=examination.differs,
            carriers=_carriers(details["attribution"]),
        ),
        notes=notes_of(evidence),
        details={"made_at": None if made_at is None else iso_z(made_at), **details},
        trials=tuple(_trial_documents(examination)),
    )


def _span(evidence: Evidence) -> tuple[datetime | None, datetime | None]:
    """The window as asked for; an open end is that of production's candles."""
    if len(evidence.opens) == 0:
        return evidence.from_, evidence.until
    first = evidence.from_ or from_us(int(evidence.opens[0]))
    end = from_us(int(evidence.opens[-1]) + evidence.timeframe.length_us)
    return first, evidence.until or end


def initial_figures(evidence: Evidence) -> dict[str, Any]:
    """LONG and SHORT pairs pooled, as configured, by the formulas of all pairs."""
    sizes = np.abs(evidence.production - evidence.other)
    known = np.isfinite(sizes)
    if not known.any():
        return {"candles": 0, "mean_abs_diff": None, "share_above_tolerance": None}
    limit: float | Floats | None = evidence.tolerance
    if limit is None:
        limit = replay_tolerance(pd.Series(evidence.production_step[known])).to_numpy()
    pairs = pd.DataFrame({"abs_diff": sizes[known], "is_aligned": is_aligned(sizes[known], limit)})
    return {
        "candles": int(known.any(axis=1).sum()),
        **{name: float(figure(name, pairs)) for name in _INITIAL},
    }


def _details(examination: Examination, evidence: Evidence) -> dict[str, Any]:
    split = split_difference(evidence)
    labels = tuple(
        entry
        for entry in examination.accepted
        if BY_CODE[entry.cause].moves_labels and not examination.soundness.is_of_both_logs
    )
    features = evidence.imported if evidence.kind is Kind.IMPORTED else evidence.recomputed
    return {
        "split": None if split is None else split.document(),
        "waterfall": waterfall(examination),
        "attribution": attribute(evidence, features) if examination.differs else None,
        "identity": identify_bundles(examination.evidence, labels),
        "drift": drift_of(evidence),
    }


def _carriers(attribution: list[dict[str, Any]] | None) -> list[str]:
    """The smallest sets of both sides, LONG first, each feature once."""
    sets = [entry["smallest_set"] for entry in attribution or []]
    return list(dict.fromkeys(name for names in sets for name in names))[:_SHOWN_CARRIERS]


def _trial_documents(examination: Examination) -> Iterator[dict[str, Any]]:
    for trial in examination.trials:
        yield {
            "cause": trial.cause,
            "round": trial.number,
            "parameters": trial.change.values,
            "sides": [str(side) for side in trial.change.sides],
            "searched_mean_abs_diff_before": trial.before.mean,
            "searched_mean_abs_diff_after": trial.after.mean,
            "repaired_ratio": trial.after.repaired,
        }
