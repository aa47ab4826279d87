"""What is read of the diagnosis's tables, on a real file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from core.alignment import reads as stored_pairs
from core.diagnosis import reads as stored_findings
from core.diagnosis.finding import Verdict
from core.diagnosis.reads import StoredFinding
from core.diagnosis.writes import store_diagnosis
from core.market import Side
from core.storage import tables
from core.storage.engine import writer_engine
from core.times import iso_z
from tests.dashboard.seed import seed_database
from tests.dashboard.seed_plan import BACKTEST, NOW, Plan
from tests.databases import database_url
from tests.seeded_window import OPENS, WORST
from tests.stored_rows import new_bot, new_database

DAY = datetime(2025, 11, 3, tzinfo=UTC)


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
    engine = writer_engine(database_url(tmp_path / "align.db"))
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


def _three_days(folder: Path) -> sa.Engine:
    """Diagnoses of three days: two of comparison "b", one of "c" between them."""
    engine = new_database(folder)
    bot_id = new_bot(engine)
    claims = [("b", "proven"), ("c", "partial"), ("b", "refuted")]
    for day, (name, verdict) in enumerate(claims):
        entry = {
            "cause": "lookback",
            "verdict": verdict,
            "sides": ["LONG"],
            "parameters": {"lookback_bars": 900},
            "same_as": [],
            "evidence": {},
            "summary": f"day {day}",
        }
        with engine.begin() as connection:
            store_diagnosis(
                connection,
                bot_id,
                comparison=name,
                from_=DAY + timedelta(days=day),
                until=DAY + timedelta(days=day + 1),
                made_at=DAY + timedelta(days=day + 1, minutes=1),
                document={"findings": [entry]},
                details={},
                trials=(),
                run_id=None,
            )
    return engine


def test_diagnoses_stand_newest_first_and_can_be_narrowed(tmp_path: Path) -> None:
    engine = _three_days(tmp_path)
    with engine.connect() as connection:
        every = stored_findings.diagnoses(connection, 1)
        assert [one.from_open for one in every] == [DAY + timedelta(days=d) for d in (2, 1, 0)]
        assert stored_findings.diagnoses(connection, 1, limit=2) == every[:2]
        assert stored_findings.diagnoses(connection, 1, comparison="c") == every[1:2]
        assert stored_findings.diagnoses(connection, 1, since=every[1].made_at) == every[:2]
        assert stored_findings.diagnoses(connection, 2) == ()
        newest = stored_findings.newest_by_comparison(connection, 1)
    engine.dispose()
    assert [(one.comparison, one.id) for one in newest] == [("c", 2), ("b", 3)]


def test_a_claim_that_a_later_day_took_back_is_no_longer_open(tmp_path: Path) -> None:
    engine = _three_days(tmp_path)
    with engine.connect() as connection:
        last, other, first = stored_findings.diagnoses(connection, 1)
        told = stored_findings.newest_findings(connection, 1, "b", None, DAY + timedelta(days=1))
    engine.dispose()
    assert first.findings[0].refuted_by == last.id
    assert first.open_findings == ()
    assert [entry.cause for entry in other.open_findings] == ["lookback"]
    assert last.open_findings == ()  # it refutes
    assert told == []


def test_a_diagnosis_covers_its_first_candle_and_not_its_end(tmp_path: Path) -> None:
    engine = _three_days(tmp_path)
    with engine.connect() as connection:
        for day, number in ((0, 1), (2, 3)):
            found = stored_findings.covering(connection, 1, "b", DAY + timedelta(days=day))
            assert found is not None and found.id == number
        assert stored_findings.covering(connection, 1, "b", DAY + timedelta(days=1)) is None
    engine.dispose()


def test_findings_are_flat_records_of_the_windows_that_touch(tmp_path: Path) -> None:
    engine = _three_days(tmp_path)
    with engine.connect() as connection:
        records = stored_findings.findings(
            connection, 1, DAY + timedelta(hours=23), DAY + timedelta(hours=25)
        )
        assert len(stored_findings.findings(connection, 1)) == 3
        assert stored_findings.findings(connection, 1, DAY + timedelta(days=3)) == []
        assert stored_findings.findings(connection, 1, None, DAY) == []
    engine.dispose()
    assert [(one["comparison"], one["from"], one["is_refuted"]) for one in records] == [
        ("c", DAY + timedelta(days=1), False),
        ("b", DAY, True),
    ]
    assert records[0]["parameters"] == '{"lookback_bars": 900}'
    assert records[0]["sides"] == '["LONG"]'
    assert records[0]["summary"] == "day 1"


def test_a_finding_speaks_of_its_stretches_or_of_the_whole_window() -> None:
    scope = [{"from": iso_z(DAY), "last": iso_z(DAY + timedelta(hours=1))}]
    narrow = StoredFinding(
        cause="lookback",
        verdict=Verdict.PROVEN,
        document={"evidence": {"scope": scope}},
        refuted_by=None,
    )
    assert narrow.speaks_of(DAY)
    assert narrow.speaks_of(DAY + timedelta(hours=1))
    assert not narrow.speaks_of(DAY + timedelta(hours=1, minutes=5))
    whole = StoredFinding(
        cause="lookback", verdict=Verdict.PARTIAL, document={"evidence": {}}, refuted_by=None
    )
    assert whole.speaks_of(DAY + timedelta(days=300))
    assert whole.is_open
