"""Answers → the exam's table: hits, false proofs with their upper bound, times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from scipy.stats import beta

from benchmarks.exam_cases import Kind
from benchmarks.exam_judge import Answer

Finding = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """How one answer is to be counted."""

    answer: Answer
    is_first: bool  # a cause at work is the first finding, proven
    is_among_three: bool  # one of the first three findings, proven or partial
    found: int  # causes at work that are proven or partial anywhere
    is_parameter_right: bool | None  # None: no parameter is asked for or no finding
    false_proven: tuple[str, ...]
    explained: float | None  # by the first right finding

    @property
    def is_silent(self) -> bool:
        """Nothing proven, nothing partial."""
        return not any(
            finding["verdict"] in ("proven", "partial") for finding in _findings(self.answer)
        )

    @property
    def is_right(self) -> bool:
        kind = self.answer.case.kind
        if self.answer.problems:
            return False
        if kind is Kind.FAULT:
            return self.is_first and not self.false_proven
        if kind is Kind.PAIR:
            return self.found == 2 and not self.false_proven
        return self.is_silent if kind is Kind.CLEAN else not self.false_proven


def mark(answer: Answer) -> Mark:
    """Compare an answer with what is at work in its case."""
    causes = answer.case.causes
    findings = _findings(answer)
    right = [finding for finding in findings if _names(finding) & set(causes)]
    held = [finding for finding in right if finding["verdict"] in ("proven", "partial")]
    first = findings[0] if findings else None
    return Mark(
        answer=answer,
        is_first=first is not None and first in held and first["verdict"] == "proven",
        is_among_three=any(finding in held for finding in findings[:3]),
        found=sum(any(cause in _names(finding) for finding in held) for cause in causes),
        is_parameter_right=_is_parameter_right(held, answer.expected),
        false_proven=tuple(
            finding["cause"]
            for finding in findings
            if finding["verdict"] == "proven" and not _names(finding) & set(causes)
        ),
        explained=held[0]["explained_ratio"] if held else None,
    )


def _findings(answer: Answer) -> list[Finding]:
    return list(answer.document["findings"])


def _names(finding: Finding) -> set[str]:
    """The finding's cause and those that it cannot be told apart from."""
    return {finding["cause"], *finding["same_as"]}


def _is_parameter_right(
    findings: Sequence[Finding], expected: dict[str, dict[str, Any]]
) -> bool | None:
    asked = [finding for finding in findings if finding["cause"] in expected]
    if not asked:
        return None
    return all(
        finding["parameters"].get(name) == value
        for finding in asked
        for name, value in expected[finding["cause"]].items()
    )


def upper_bound(failures: int, cases: int, confidence: float = 0.95) -> float:
    """One-sided upper bound (Clopper-Pearson) of the rate behind `failures` in `cases`."""
    if cases == 0 or failures >= cases:
        return 1.0
    return float(beta.ppf(confidence, failures + 1, cases - failures))


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the verdict."""

    name: str
    value: float
    text: str
    is_met: bool


def goals(marks: Sequence[Mark]) -> list[Goal]:
    """The exam's goals over all answers."""
    faults = of_kind(marks, Kind.FAULT)
    pairs = of_kind(marks, Kind.PAIR)
    clean = of_kind(marks, Kind.CLEAN)
    false = sum(bool(entry.false_proven) for entry in marks)
    seconds = median(entry.answer.diagnose_s for entry in marks) if marks else 0.0
    bound = upper_bound(false, len(marks))
    first = share(entry.is_first for entry in faults)
    three = share(entry.is_among_three for entry in faults)
    both = share(entry.found == 2 for entry in pairs)
    silent = share(entry.is_silent for entry in clean)
    return [
        Goal("right cause first", first, f"{first:.1%} (goal 95 %)", first >= 0.95),
        Goal("right cause among the first three", three, f"{three:.1%} (goal 99 %)", three >= 0.99),
        Goal(
            "false proven",
            false,
            f"{false} of {len(marks)} cases, 95 % upper bound {bound:.2%} (goal 0)",
            false == 0,
        ),
        Goal("clean bots silent", silent, f"{silent:.1%} (goal 100 %)", silent == 1.0),
        Goal("both causes of a pair", both, f"{both:.1%} (goal 85 %)", both >= 0.85),
        Goal("median seconds a case", seconds, f"{seconds:.1f} s (goal under 10 s)", seconds < 10),
    ]


def of_kind(marks: Iterable[Mark], kind: Kind) -> list[Mark]:
    return [entry for entry in marks if entry.answer.case.kind is kind]


def share(claims: Iterable[bool]) -> float:
    """The share of claims that hold; 1 where there is none."""
    values = list(claims)
    return sum(values) / len(values) if values else 1.0


def table(marks: Sequence[Mark]) -> list[str]:
    """One line a fault and size, one a pair, clean bot or decoy."""
    names = "".join(f" {name:>6}" for name in ("first", "of 3", "param", "false", "expl.", "s"))
    head = f"{'case':44} {'n':>3}{names}"
    lines = [head, "-" * len(head)]
    groups: dict[tuple[str, str], list[Mark]] = {}
    for entry in marks:
        case = entry.answer.case
        size = ("small", "large")[case.size] if case.kind is Kind.FAULT else ""
        groups.setdefault((case.kind, f"{case.name} {size}".strip()), []).append(entry)
    for (kind, name), rows in groups.items():
        lines.append(f"{f'{kind}: {name}':44} {_cells(kind, rows)}")
    return lines


def _cells(kind: str, rows: Sequence[Mark]) -> str:
    asked = [row.is_parameter_right for row in rows if row.is_parameter_right is not None]
    explained = [row.explained for row in rows if row.explained is not None]
    first = [row.is_first if kind == Kind.FAULT else row.is_right for row in rows]
    three = [row.is_among_three for row in rows]
    return (
        f"{len(rows):3d} {share(first):6.0%} "
        f"{f'{share(three):.0%}' if kind in (Kind.FAULT, Kind.PAIR) else '':>6} "
        f"{f'{share(asked):.0%}' if asked else '':>6} "
        f"{sum(bool(row.false_proven) for row in rows):6d} "
        f"{f'{median(explained):.2f}' if explained else '':>6} "
        f"{median(row.answer.diagnose_s for row in rows):6.1f}"
    )


def complaints(marks: Sequence[Mark]) -> list[str]:
    """Each answer that was not right, with what it said."""
    lines = []
    for entry in marks:
        if entry.is_right and entry.is_parameter_right is not False:
            continue
        said = ", ".join(
            f"{finding['cause']} {finding['verdict']} {_ratio(finding)}{_same(finding)} "
            f"{finding['parameters'] or ''}"
            for finding in _findings(entry.answer)
            if finding["verdict"] in ("proven", "partial")
        )
        problem = "".join(f" PROBLEM {text.strip()}" for text in entry.answer.problems)
        lines.append(f"{entry.answer.case.label}: {said or 'nothing found'}{problem}")
    return lines


def _ratio(finding: Finding) -> str:
    ratio = finding["explained_ratio"]
    return "null" if ratio is None else f"{ratio:.2f}"


def _same(finding: Finding) -> str:
    return f" same as {'/'.join(finding['same_as'])}" if finding["same_as"] else ""
