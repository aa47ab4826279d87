"""Diagnoses as the dashboard needs them: the newest, their findings and trials, the history."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from core.alignment.reads import Explained
from core.diagnosis.finding import Verdict
from core.market import Side
from core.storage.sql import Query
from core.storage.tables import diagnosis, finding, trial

_OPEN = (Verdict.PROVEN, Verdict.PARTIAL)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFinding:
    """A finding as in diagnose --json; `refuted_by` is the later diagnosis that took it back."""

    cause: str
    verdict: Verdict
    document: dict[str, Any]
    refuted_by: int | None

    def speaks_of(self, candle_open: datetime) -> bool:
        """Whether a candle of the diagnosed window lies in the stretches of this cause."""
        parts = _scope(self.document)
        return not parts or any(first <= candle_open <= last for first, last in parts)

    @property
    def is_open(self) -> bool:
        """Whether it still asks for something to be done."""
        return self.verdict in _OPEN and self.refuted_by is None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDiagnosis:
    """One diagnosis of one window with its findings, strongest first."""

    id: int
    comparison: str
    from_open: datetime
    until_open: datetime
    made_at: datetime
    document: dict[str, Any]
    details: dict[str, Any]
    run_id: int | None
    findings: tuple[StoredFinding, ...]

    @property
    def open_findings(self) -> tuple[StoredFinding, ...]:
        return tuple(finding for finding in self.findings if finding.is_open)


def diagnoses(
    connection: sa.Connection,
    bot_id: int,
    *,
    comparison: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> tuple[StoredDiagnosis, ...]:
    """The bot's diagnoses, newest first."""
    query = (
        sa.select(diagnosis)
        .where(diagnosis.c.bot_id == bot_id)
        .order_by(diagnosis.c.made_at.desc(), diagnosis.c.id.desc())
        .limit(limit)
    )
    if comparison is not None:
        query = query.where(diagnosis.c.comparison == comparison)
    if since is not None:
        query = query.where(diagnosis.c.made_at >= since)
    return _with_findings(connection, connection.execute(query).all())


def newest_by_comparison(connection: sa.Connection, bot_id: int) -> tuple[StoredDiagnosis, ...]:
    """The newest diagnosis of every comparison that has one."""
    newest = (
        sa.select(sa.func.max(diagnosis.c.id))
        .where(diagnosis.c.bot_id == bot_id)
        .group_by(diagnosis.c.comparison)
    )
    rows = connection.execute(
        sa.select(diagnosis).where(diagnosis.c.id.in_(newest)).order_by(diagnosis.c.id)
    ).all()
    return _with_findings(connection, rows)


def covering(
    connection: sa.Connection, bot_id: int, comparison: str, candle_open: datetime
) -> StoredDiagnosis | None:
    """The newest diagnosis whose window holds this candle."""
    rows = connection.execute(
        sa.select(diagnosis)
        .where(
            diagnosis.c.bot_id == bot_id,
            diagnosis.c.comparison == comparison,
            diagnosis.c.from_open <= candle_open,
            diagnosis.c.until_open > candle_open,
        )
        .order_by(diagnosis.c.id.desc())
        .limit(1)
    ).all()
    return next(iter(_with_findings(connection, rows)), None)


def explained(connection: sa.Connection, bot_id: int, comparison: str) -> tuple[Explained, ...]:
    """The candles that any proven, not refuted finding of a comparison speaks of, by side.

    A finding speaks of its scope, or of the whole diagnosed window where it has none.
    Stretches of one side that touch or overlap are one.
    """
    rows = connection.execute(
        sa.select(diagnosis.c.from_open, diagnosis.c.until_open, finding.c.document)
        .join(finding, finding.c.diagnosis_id == diagnosis.c.id)
        .where(
            diagnosis.c.bot_id == bot_id,
            diagnosis.c.comparison == comparison,
            finding.c.verdict == str(Verdict.PROVEN),
            finding.c.refuted_by_id.is_(None),
        )
        .order_by(finding.c.id)
    )
    stretches: dict[Side, list[tuple[datetime, datetime]]] = {}
    for row in rows:
        last = row.until_open - _INSTANT
        parts = _scope(row.document) or [(row.from_open, last)]
        for side in row.document["sides"]:
            stretches.setdefault(Side(side), []).extend((a, min(b, last)) for a, b in parts)
    return tuple(
        Explained(first, last + _INSTANT, (side,))
        for side, parts in stretches.items()
        for first, last in _merged(parts)
    )


def _scope(document: Mapping[str, Any]) -> list[tuple[datetime, datetime]]:
    """First and last candle of each stretch of a finding; none: the whole window."""
    return [
        (datetime.fromisoformat(part["from"]), datetime.fromisoformat(part["last"]))
        for part in document["evidence"].get("scope", ())
    ]


def _merged(parts: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for first, last in sorted(parts):
        if merged and first <= merged[-1][1] + _INSTANT:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def trials(connection: sa.Connection, diagnosis_id: int) -> list[dict[str, Any]]:
    """The trials of a diagnosis in order: cause, round, and the document of each."""
    rows = connection.execute(
        sa.select(trial.c.cause, trial.c.round, trial.c.document)
        .where(trial.c.diagnosis_id == diagnosis_id)
        .order_by(trial.c.round, trial.c.id)
    )
    return [dict(row) for row in rows.mappings()]


def _with_findings(connection: sa.Connection, rows: Any) -> tuple[StoredDiagnosis, ...]:
    ids = [row.id for row in rows]
    by_diagnosis: dict[int, list[StoredFinding]] = {number: [] for number in ids}
    stored = connection.execute(
        sa.select(finding)
        .where(finding.c.diagnosis_id.in_(ids))
        .order_by(finding.c.diagnosis_id, finding.c.position)
    )
    for row in stored:
        by_diagnosis[row.diagnosis_id].append(
            StoredFinding(
                cause=row.cause,
                verdict=Verdict(row.verdict),
                document=row.document,
                refuted_by=row.refuted_by_id,
            )
        )
    return tuple(
        StoredDiagnosis(
            id=row.id,
            comparison=row.comparison,
            from_open=row.from_open,
            until_open=row.until_open,
            made_at=row.made_at,
            document=row.document,
            details=row.details,
            run_id=row.run_id,
            findings=tuple(by_diagnosis[row.id]),
        )
        for row in rows
    )


def newest_findings(
    connection: sa.Connection,
    bot_id: int,
    comparison: str,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> list[dict[str, Any]]:
    """Findings of the newest diagnosis of a comparison whose window touches this one.

    Each is the finding as `diagnose --json` has it, in its order; findings that a
    later day refuted are left out.
    """
    newest = (
        _touching(sa.select(diagnosis.c.id), from_, until)
        .where(diagnosis.c.bot_id == bot_id, diagnosis.c.comparison == comparison)
        .order_by(diagnosis.c.made_at.desc(), diagnosis.c.id.desc())
        .limit(1)
    )
    return list(
        connection.scalars(
            sa.select(finding.c.document)
            .where(finding.c.diagnosis_id == newest.scalar_subquery())
            .where(finding.c.refuted_by_id.is_(None))
            .order_by(finding.c.position)
        )
    )


def findings(
    connection: sa.Connection,
    bot_id: int,
    from_: datetime | None = None,
    until: datetime | None = None,
) -> list[dict[str, Any]]:
    """Every finding of the bot whose window touches this one, the newest diagnosis first.

    Flat records: comparison, from, until, made_at, the fields of the finding (lists
    and parameters as JSON text), is_refuted.
    """
    query = (
        sa.select(
            diagnosis.c.comparison,
            diagnosis.c.from_open.label("from"),
            diagnosis.c.until_open.label("until"),
            diagnosis.c.made_at,
            finding.c.document,
            finding.c.refuted_by_id.is_not(None).label("is_refuted"),
        )
        .join(finding, finding.c.diagnosis_id == diagnosis.c.id)
        .where(diagnosis.c.bot_id == bot_id)
        .order_by(diagnosis.c.made_at.desc(), diagnosis.c.id.desc(), finding.c.position)
    )
    records = []
    for row in connection.execute(_touching(query, from_, until)).mappings():
        document = row["document"]
        structured = {
            name: json.dumps(document[name]) for name in ("sides", "parameters", "same_as")
        }
        plain = {name: value for name, value in row.items() if name != "document"}
        records.append({**document, **structured, **plain})
    return records


def _touching(query: Query, from_: datetime | None, until: datetime | None) -> Query:
    if from_ is not None:
        query = query.where(diagnosis.c.until_open > from_)
    if until is not None:
        query = query.where(diagnosis.c.from_open < until)
    return query
