from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.bots import ensure_bot
from core.diagnosis.reads import diagnoses, newest_findings, trials
from core.diagnosis.writes import store_diagnosis
from core.storage.engine import migrate, writer_engine
from core.storage.tables import diagnosis, finding, trial
from tests.databases import database_url

NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    made = writer_engine(database_url(tmp_path / "align.db"))
    migrate(made)
    return made


def _document(**verdicts: str) -> dict[str, Any]:
    return {"findings": [{"cause": c, "verdict": v, "summary": c} for c, v in verdicts.items()]}


def _store(engine: sa.Engine, day: int, name: str = "b", **verdicts: str) -> int:
    with engine.begin() as connection:
        bot_id = ensure_bot(connection, "bot", "5m")
        return store_diagnosis(
            connection,
            bot_id,
            comparison=name,
            from_=NOON + timedelta(days=day - 1),
            until=NOON + timedelta(days=day),
            made_at=NOON + timedelta(days=day, seconds=20),
            document=_document(**verdicts),
            details={},
            trials=({"cause": "lookback", "round": 1},),
            run_id=None,
        )


def _rows(engine: sa.Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_a_later_refutation_marks_the_earlier_finding(engine: sa.Engine) -> None:
    assert _store(engine, 1, lookback="proven", bundle="partial") == 0
    assert _store(engine, 2, lookback="refuted", bundle="untestable") == 1
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(finding.c.cause, finding.c.refuted_by_id).where(finding.c.diagnosis_id == 1)
        ).all()
    assert dict(rows) == {"lookback": 2, "bundle": None}


def test_another_comparison_refutes_nothing_here(engine: sa.Engine) -> None:
    _store(engine, 1, lookback="proven")
    assert _store(engine, 2, "other", lookback="refuted") == 0


def test_the_same_window_twice_is_kept_once(engine: sa.Engine) -> None:
    _store(engine, 1, lookback="proven")
    _store(engine, 1, lookback="proven")
    assert [_rows(engine, table) for table in (diagnosis, finding, trial)] == [1, 1, 1]


def test_the_newest_findings_are_those_of_the_last_diagnosis(engine: sa.Engine) -> None:
    _store(engine, 1, lookback="proven")
    _store(engine, 2, bundle="proven", lookback="refuted")
    with engine.connect() as connection:
        causes = [f["cause"] for f in newest_findings(connection, 1, "b")]
    assert causes == ["bundle", "lookback"]


def test_a_finding_is_taken_back_once_by_the_first_that_refutes_it(engine: sa.Engine) -> None:
    _store(engine, 1, lookback="proven")
    assert _store(engine, 2, lookback="refuted") == 1
    assert _store(engine, 3, lookback="refuted") == 0
    with engine.connect() as connection:
        (marked,) = connection.scalars(
            sa.select(finding.c.refuted_by_id).where(finding.c.diagnosis_id == 1)
        )
    assert marked == 2


def test_what_was_no_claim_cannot_be_taken_back(engine: sa.Engine) -> None:
    _store(engine, 1, lookback="untestable", bundle="refuted")
    assert _store(engine, 2, lookback="refuted", bundle="refuted") == 0


def test_an_earlier_claim_is_not_refuted_by_an_earlier_day(engine: sa.Engine) -> None:
    _store(engine, 2, lookback="refuted")
    assert _store(engine, 1, lookback="proven") == 0
    with engine.connect() as connection:
        assert connection.scalars(sa.select(finding.c.refuted_by_id)).all() == [None, None]


def test_a_refutation_that_is_diagnosed_again_as_none_frees_what_it_took_back(
    engine: sa.Engine,
) -> None:
    _store(engine, 1, lookback="proven")
    assert _store(engine, 2, lookback="refuted") == 1
    assert _store(engine, 2, lookback="proven") == 0
    with engine.connect() as connection:
        assert connection.scalars(sa.select(finding.c.refuted_by_id)).all() == [None, None]


def test_findings_keep_their_order_and_trials_their_rounds(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        bot_id = ensure_bot(connection, "bot", "5m")
        store_diagnosis(
            connection,
            bot_id,
            comparison="b",
            from_=NOON,
            until=NOON,
            made_at=NOON,
            document=_document(warm_up="proven", bundle="partial", lookback="refuted"),
            details={"split": None},
            trials=(
                {"cause": "bundle", "round": 2, "sides": ["LONG"]},
                {"cause": "warm_up", "round": 1, "sides": []},
            ),
            run_id=None,
        )
        (kept,) = diagnoses(connection, bot_id)
        tried = trials(connection, kept.id)
    assert [entry.cause for entry in kept.findings] == ["warm_up", "bundle", "lookback"]
    assert [entry.cause for entry in kept.open_findings] == ["warm_up", "bundle"]
    assert kept.details == {"split": None}
    assert [(entry["round"], entry["cause"]) for entry in tried] == [(1, "warm_up"), (2, "bundle")]
    assert tried[1]["document"]["sides"] == ["LONG"]


def test_a_diagnosis_without_findings_or_trials_is_kept(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        bot_id = ensure_bot(connection, "bot", "5m")
        store_diagnosis(
            connection,
            bot_id,
            comparison="b",
            from_=NOON,
            until=NOON,
            made_at=NOON,
            document=_document(),
            details={},
            trials=(),
            run_id=None,
        )
    assert [_rows(engine, table) for table in (diagnosis, finding, trial)] == [1, 0, 0]
