"""What is read of the diagnosis's tables, on a real file."""

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from core.alignment import reads as stored_pairs
from core.diagnosis import reads as stored_findings
from core.market import Side
from core.storage import tables
from core.storage.engine import writer_engine
from core.times import iso_z
from tests.dashboard.seed import seed_database
from tests.dashboard.seed_plan import BACKTEST, NOW, Plan
from tests.seeded_window import OPENS, WORST


def test_findings_come_with_their_diagnosis(seeded_connection: sa.Connection) -> None:
    (newest,) = stored_findings.newest_by_comparison(seeded_connection, 1)
    assert [one.cause for one in newest.open_findings] == ["lookback"]
    covering = stored_findings.covering(seeded_connection, 1, BACKTEST, WORST)
    assert covering == newest
    assert stored_findings.covering(seeded_connection, 1, "replay", WORST) is None
    assert stored_findings.diagnoses(seeded_connection, 1, since=NOW) == ()
    assert stored_findings.trials(seeded_connection, newest.id) == []


def test_explained_stretches_are_merged_and_leave_out_what_was_refuted(tmp_path: Path) -> None:
    seed_database(tmp_path / "align.db", (Plan(days=2, scope=(10, 20)),)).dispose()
    engine = writer_engine(f"sqlite:///{tmp_path / 'align.db'}")
    first, last = OPENS[10].to_pydatetime(), OPENS[20].to_pydatetime()
    with engine.begin() as seeded_connection:
        one = seeded_connection.execute(sa.select(tables.finding)).one()
        later = [
            {"from": iso_z(OPENS[15].to_pydatetime()), "last": iso_z(OPENS[30].to_pydatetime())}
        ]
        document = {**one.document, "sides": ["LONG"], "evidence": {"scope": later}}
        seeded_connection.execute(
            tables.finding.insert().values(
                diagnosis_id=one.diagnosis_id,
                position=9,
                cause="precision",
                verdict="proven",
                document=document,
            )
        )
        found = stored_findings.explained(seeded_connection, 1, BACKTEST)
        long_end = OPENS[30].to_pydatetime() + timedelta(microseconds=1)
        short_end = last + timedelta(microseconds=1)
        assert set(found) == {
            stored_pairs.Explained(first, long_end, (Side.LONG,)),
            stored_pairs.Explained(first, short_end, (Side.SHORT,)),
        }
        seeded_connection.execute(tables.finding.update().values(refuted_by_id=one.diagnosis_id))
        assert stored_findings.explained(seeded_connection, 1, BACKTEST) == ()
    engine.dispose()
