"""Diagnoses with their findings and trials; a finding that a later one refutes is marked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.diagnosis.finding import Verdict
from core.storage.tables import diagnosis, finding, trial

_TAKEN_BACK = (str(Verdict.PROVEN), str(Verdict.PARTIAL))


def store_diagnosis(
    connection: sa.Connection,
    bot_id: int,
    *,
    comparison: str,
    from_: datetime,
    until: datetime,
    made_at: datetime,
    document: Mapping[str, Any],
    details: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    run_id: int | None,
) -> int:
    """Keep a diagnosis; returns how many earlier findings it refutes and marks as such.

    `document` is what `diagnose --json` prints. An earlier diagnosis of the very same
    comparison and window is replaced, so that a step which runs twice keeps one.
    """
    _forget(connection, bot_id, comparison, from_, until)
    number = connection.execute(
        diagnosis.insert().values(
            bot_id=bot_id,
            comparison=comparison,
            from_open=from_,
            until_open=until,
            made_at=made_at,
            document=dict(document),
            details=dict(details),
            run_id=run_id,
        )
    ).inserted_primary_key
    diagnosis_id = int(number[0]) if number is not None else 0
    _insert_findings(connection, diagnosis_id, document["findings"])
    rows = [
        {
            "diagnosis_id": diagnosis_id,
            "cause": t["cause"],
            "round": t["round"],
            "document": dict(t),
        }
        for t in trials
    ]
    if rows:
        connection.execute(trial.insert(), rows)
    refuted = [f["cause"] for f in document["findings"] if f["verdict"] == Verdict.REFUTED]
    return _mark_refuted(connection, bot_id, comparison, diagnosis_id, refuted)


def _insert_findings(
    connection: sa.Connection, diagnosis_id: int, findings: Sequence[Mapping[str, Any]]
) -> None:
    rows = [
        {
            "diagnosis_id": diagnosis_id,
            "position": position,
            "cause": entry["cause"],
            "verdict": entry["verdict"],
            "document": dict(entry),
        }
        for position, entry in enumerate(findings)
    ]
    if rows:
        connection.execute(finding.insert(), rows)


def _forget(
    connection: sa.Connection, bot_id: int, comparison: str, from_: datetime, until: datetime
) -> None:
    earlier = connection.scalars(
        sa.select(diagnosis.c.id).where(
            diagnosis.c.bot_id == bot_id,
            diagnosis.c.comparison == comparison,
            diagnosis.c.from_open == from_,
            diagnosis.c.until_open == until,
        )
    ).all()
    if not earlier:
        return
    connection.execute(
        finding.update().where(finding.c.refuted_by_id.in_(earlier)).values(refuted_by_id=None)
    )
    for table in (finding, trial):
        connection.execute(table.delete().where(table.c.diagnosis_id.in_(earlier)))
    connection.execute(diagnosis.delete().where(diagnosis.c.id.in_(earlier)))


def _mark_refuted(
    connection: sa.Connection,
    bot_id: int,
    comparison: str,
    diagnosis_id: int,
    causes: Sequence[str],
) -> int:
    """Earlier findings of these causes were taken back by this diagnosis."""
    mine = sa.select(diagnosis.c.id).where(
        diagnosis.c.bot_id == bot_id, diagnosis.c.comparison == comparison
    )
    result = connection.execute(
        finding.update()
        .where(
            finding.c.diagnosis_id.in_(mine),
            finding.c.diagnosis_id < diagnosis_id,
            finding.c.cause.in_(causes),
            finding.c.verdict.in_(_TAKEN_BACK),
            finding.c.refuted_by_id.is_(None),
        )
        .values(refuted_by_id=diagnosis_id)
    )
    return int(result.rowcount)
