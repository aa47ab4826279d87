"""Diagnose a comparison of one bot: for the command line, and by itself for the collector.

What diagnoses is imported when something is diagnosed: most cycles only look whether.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.context import Context
from core.diagnosis.finding import Verdict
from core.diagnosis.watch import Due, due_windows, keep_state
from core.settings import BotSettings
from core.storage.engine import snapshot

if TYPE_CHECKING:
    from core.diagnosis.lab.recomputing import Calls
    from core.diagnosis.report import Diagnosis
    from core.recompute.compute import VectorCache


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseReport:
    """What the collector's diagnosis did; `proven` names comparison and cause."""

    diagnosed: int = 0
    proven: tuple[str, ...] = ()
    refuted_again: int = 0


def diagnose(
    engine_or_connection: sa.Engine | sa.Connection,
    bot_id: int,
    bot: BotSettings,
    *,
    comparison: str,
    from_: datetime | None,
    until: datetime | None,
    now: datetime,
    cache: "VectorCache | None" = None,
) -> "Diagnosis":
    """Diagnose one comparison from what is stored; `from_` inclusive, `until` exclusive.

    `cache` spares calls of a trader's own code; how many were made is part of the document.
    Raises ConfigError for a comparison that is not configured.
    """
    from core.diagnosis.lab.recomputing import Recomputer
    from core.diagnosis.load import load_evidence
    from core.diagnosis.report import diagnose_evidence

    with _connection(engine_or_connection) as connection:
        evidence = load_evidence(
            connection, bot_id, bot, comparison=comparison, from_=from_, until=until, cache=cache
        )
    if not isinstance(evidence.recompute, Recomputer):
        return diagnose_evidence(evidence, made_at=now)
    try:
        made = diagnose_evidence(evidence, made_at=now)
        return _with_calls(made, evidence.recompute.calls)
    finally:
        evidence.recompute.close()


def _with_calls(made: "Diagnosis", calls: "Calls") -> "Diagnosis":
    """The diagnosis and what it cost; as it is where no code of a trader's took part."""
    if not calls.made and not calls.known:
        return made
    return replace(
        made,
        notes=(*made.notes, calls.sentence()),
        details={**made.details, "calls": calls.document()},
    )


@contextmanager
def _connection(source: sa.Engine | sa.Connection) -> Iterator[sa.Connection]:
    if isinstance(source, sa.Engine):
        with snapshot(source) as connection:
            yield connection
    else:
        yield source


def diagnose_bot(context: Context) -> DiagnoseReport:
    """Diagnose each comparison whose newest window crosses its tolerance and has news.

    The diagnosis is kept with its findings and trials; findings of earlier ones that it
    refutes are marked. Without a crossing, or without new pairs, nothing is done.
    """
    with snapshot(context.engine) as connection:
        due = due_windows(connection, context.bot_id, context.bot)
    if not due:
        return DiagnoseReport()
    from core.recompute.stored_cache import StoredCache

    cache = StoredCache(context.engine, context.bot_id, context.now)
    proven: list[str] = []
    refuted = 0
    for window in due:
        made = diagnose(
            context.engine,
            context.bot_id,
            context.bot,
            comparison=window.comparison,
            from_=window.from_,
            until=window.until,
            now=context.now,
            cache=cache,
        )
        refuted += _keep(context, window, made)
        proven += [
            f"{window.comparison}: {finding.cause}"
            for finding in made.findings
            if finding.verdict is Verdict.PROVEN
        ]
    cache.bound()
    return DiagnoseReport(diagnosed=len(due), proven=tuple(proven), refuted_again=refuted)


def _keep(context: Context, window: Due, made: "Diagnosis") -> int:
    from core.diagnosis.writes import store_diagnosis

    with context.engine.begin() as connection:
        refuted = store_diagnosis(
            connection,
            context.bot_id,
            comparison=window.comparison,
            from_=window.from_,
            until=window.until,
            made_at=context.now,
            document=made.document(),
            details=made.details,
            trials=made.trials,
            run_id=context.run_id,
        )
        keep_state(connection, context.bot_id, window)
    return refuted
