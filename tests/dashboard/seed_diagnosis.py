"""A stored diagnosis: its document as `diagnose --json` has it, and its findings."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from core.storage import tables
from core.times import iso_z
from tests.dashboard.seed_plan import BACKTEST, FRAME, Plan
from tests.stored_rows import insert


def finding(cause: str, verdict: str, **values: object) -> dict[str, object]:
    """A finding as `diagnose --json` has it, of both sides unless said otherwise."""
    return {
        "cause": cause,
        "verdict": verdict,
        "sides": ["LONG", "SHORT"],
        "explained_ratio": None,
        "residual_mean_abs_diff": None,
        "held_out_candles": 132,
        "parameters": {},
        "same_as": [],
        "evidence": {},
        "summary": f"{cause}.",
        **values,
    }


def store_diagnosis(
    connection: sa.Connection,
    bot_id: int,
    *,
    from_open: datetime,
    until_open: datetime,
    made_at: datetime,
    document: Mapping[str, object],
    findings: Sequence[Mapping[str, object]],
) -> int:
    """A diagnosis of the backtest with its findings in order; returns its id."""
    values = {
        "bot_id": bot_id, "comparison": BACKTEST, "from_open": from_open,
        "until_open": until_open, "made_at": made_at, "document": document,
    }  # fmt: skip
    diagnosis_id = insert(connection, tables.diagnosis, values)
    rows = [
        {
            "diagnosis_id": diagnosis_id,
            "position": position,
            "cause": found["cause"],
            "verdict": found["verdict"],
            "document": found,
        }
        for position, found in enumerate(findings)
    ]
    insert(connection, tables.finding, *rows)
    return diagnosis_id


def store_planned_diagnosis(connection: sa.Connection, bot_id: int, plan: Plan) -> None:
    """The plan's causes: the first one proven, the others untestable."""
    if not plan.findings:
        return
    opens = [opened.to_pydatetime() for opened in plan.opens]
    ends = [iso_z(opens[place]) for place in plan.scope or ()]
    evidence = {"scope": [dict(zip(("from", "last"), ends, strict=True))]} if ends else {}
    proven = {
        "explained_ratio": 1.0,
        "residual_mean_abs_diff": 0.0,
        "parameters": {"lookback_bars": 900},
    }
    findings = [
        finding(
            cause,
            "untestable" if number else "proven",
            evidence=evidence,
            scope_candles=len(opens),
            summary=f"{cause}: the backtest saw 600 candles, the bot 900. Set lookback_bars.",
            **({} if number else proven),
        )
        for number, cause in enumerate(plan.findings)
    ]
    initial = {"candles": len(opens), "mean_abs_diff": 0.031, "share_above_tolerance": 0.09}
    document = {
        "bot": plan.bot, "comparison": BACKTEST, "initial": initial, "findings": findings,
        "unexplained_ratio": 0.0,
    }  # fmt: skip
    store_diagnosis(
        connection,
        bot_id,
        from_open=opens[0],
        until_open=opens[-1] + FRAME.length,
        made_at=plan.now - timedelta(minutes=1),
        document=document,
        findings=findings,
    )
